"""What a client may ask for on an open connection, and the answers: every subscription is acknowledged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

MOST_STREAMS: Final = 1_024
# As old reports have it; what the exchange does today with text that is no JSON has not been measured.
ILLEGAL: Final = (3001, "illegal request")
INVALID: Final = (1008, "Invalid request")


@dataclass(slots=True)
class Subscriptions:
    """The streams of one connection, in the order they were asked for, and whether frames are wrapped."""

    combined: bool
    names: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A text to send, if any, and the code and reason to close with, if any. `method` is what was asked for, with
    the stream names that it named."""

    text: bytes | None = None
    close: tuple[int, str] | None = None
    method: str = ""
    names: tuple[str, ...] = ()


def answer(subscriptions: Subscriptions, message: bytes | str) -> Answer:
    """Carry out one request.

    SUBSCRIBE and UNSUBSCRIBE are acknowledged whatever they name, also what does not exist: an acknowledgement
    proves nothing. More than 1,024 streams give error 4 and the end of the connection. Answers are never wrapped.
    """
    request = _parsed(message)
    if request is None:
        return Answer(close=ILLEGAL)
    method, number, params = request.get("method"), request.get("id"), request.get("params", [])
    if not isinstance(params, list):
        return _refused(2, "Invalid request: params must be an array", number)
    match method:
        case "SUBSCRIBE" | "UNSUBSCRIBE":
            return _changed(subscriptions, str(method), params, number)
        case "GET_PROPERTY" | "SET_PROPERTY":
            return _property(subscriptions, str(method), params, number)
        case "LIST_SUBSCRIPTIONS":
            return _result(list(subscriptions.names), number, "LIST_SUBSCRIPTIONS")
        case _:
            return _refused(2, "Invalid request: unknown method", number)


def _parsed(message: bytes | str) -> dict[str, Any] | None:
    try:
        request = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    return request if isinstance(request, dict) else None


def _changed(subscriptions: Subscriptions, method: str, params: list[Any], number: Any) -> Answer:
    if not params or not all(isinstance(name, str) for name in params):
        return _refused(2, "Invalid request: stream names must be strings", number)
    names = tuple(params)
    if method == "UNSUBSCRIBE":
        for name in names:
            subscriptions.names.pop(name, None)
    elif len(subscriptions.names.keys() | names) > MOST_STREAMS:
        refused = _refused(4, "Too many subscriptions", number)
        return Answer(refused.text, INVALID, method, names)
    else:
        subscriptions.names.update(dict.fromkeys(names))
    return _result(None, number, method, names)


def _property(subscriptions: Subscriptions, method: str, params: list[Any], number: Any) -> Answer:
    if params[:1] != ["combined"]:
        return _refused(0, "Unknown property", number)
    if method == "GET_PROPERTY":
        return _result(subscriptions.combined, number, method)
    if len(params) != 2 or not isinstance(params[1], bool):
        return _refused(1, "Invalid value type: expected Boolean", number)
    subscriptions.combined = params[1]
    return _result(None, number, method)


def _result(result: object, number: Any, method: str, names: tuple[str, ...] = ()) -> Answer:
    return Answer(orjson.dumps({"result": result, "id": number}), method=method, names=names)


def _refused(code: int, message: str, number: Any) -> Answer:
    return Answer(orjson.dumps({"error": {"code": code, "msg": message}, "id": number}))
