"""The drawings of a TradingView chart, as the library sends and wants them when it keeps them apart from the layout.

A state has `sources` (drawings) and `groups`, each a map from an id. A state that is sent is a change: an id with null
is deleted, any other is added or replaced, all others stay. How a map is written is not documented; an object and a
list of [id, value] pairs are read, an object is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from canvas.errors import Invalid


@dataclass(frozen=True)
class State:
    """Drawings and groups by id; None only in a change."""

    sources: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Any] = field(default_factory=dict)


def state_of(value: object) -> State:
    """A state or a change from what a client sent: JSON as text, or what was read from it. Raises Invalid."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise Invalid("state", f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Invalid("state", "is missing" if value is None else "an object with sources and groups is expected")
    return State(sources=_map("sources", value.get("sources")), groups=_map("groups", value.get("groups")))


def _map(name: str, value: object) -> dict[str, Any]:
    pairs: list[Any]
    match value:
        case None:
            pairs = []
        case dict():
            pairs = list(value.items())
        case list():
            pairs = value
        case _:
            raise Invalid(f"state.{name}", "an object, or a list of [id, value] pairs, is expected")
    result = {}
    for pair in pairs:
        match pair:
            case (str() as key, (dict() | None) as item):
                result[key] = item
            case _:
                raise Invalid(f"state.{name}", "to each id belongs an object or null")
    return result


def state_merge(stored: State, change: State) -> State:
    """What is stored afterwards."""
    return State(sources=_merge(stored.sources, change.sources), groups=_merge(stored.groups, change.groups))


def _merge(stored: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in {**stored, **change}.items() if item is not None}


def state_of_symbol(state: State, symbol: str) -> State:
    """The part that belongs to a symbol; what names none belongs to all."""

    def part(items: Mapping[str, Any]) -> dict[str, Any]:
        return {key: item for key, item in items.items() if item.get("symbol", symbol) == symbol}

    return State(sources=part(state.sources), groups=part(state.groups))


def state_write(state: State) -> bytes:
    """A state as JSON. Raises Invalid for what is too deep to be written."""
    try:
        return orjson.dumps(state_dict(state))
    except orjson.JSONEncodeError as error:
        raise Invalid("state", str(error)) from None


def state_read(content: bytes) -> State:
    """What `state_write` wrote."""
    return State(**orjson.loads(content))


def state_dict(state: State) -> dict[str, Any]:
    """A state as its client reads it."""
    return {"sources": dict(state.sources), "groups": dict(state.groups)}
