"""The exchange's unhappy answers, word for word."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from feeds.fakebinance.clock import Clock
from feeds.fakebinance.faults import Fault
from feeds.fakebinance.replies import Reply
from feeds.fakebinance.visits import Visit

Params = Mapping[str, Any]

JSON: Final = {"Content-Type": "application/json"}
HTML: Final = {"Content-Type": "text/html"}
_TOO_MANY: Final = (
    "Too many requests; current limit is {limit} requests per minute. "
    "Please use the websocket for live updates to avoid polling the API."
)
_BANNED: Final = (
    "Way too many requests; IP({address}) banned until {until}. "
    "Please use the websocket for live updates to avoid bans."
)
_RESTRICTED: Final = "Service unavailable from a restricted location according to 'b. Eligibility' in the terms of use."
_PAGE: Final = b"<!DOCTYPE html>\n<html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n"
_WRONG_DIGEST: Final = "0" * 64


def error(status: int, code: int, message: str) -> Reply:
    """A REST error: ``{"code":-1121,"msg":"Invalid symbol."}``."""
    return Reply(status, json.dumps({"code": code, "msg": message}, separators=(",", ":")).encode(), JSON)


def too_many_requests(limit: int, retry_after_s: int) -> Reply:
    reply = error(429, -1003, _TOO_MANY.format(limit=limit))
    return Reply(reply.status, reply.body, {**reply.headers, "Retry-After": str(retry_after_s)})


def banned(address: str, until_ms: int, retry_after_s: int | None) -> Reply:
    """418; the header is left out where `retry_after_s` is None, as the exchange sometimes does."""
    reply = error(418, -1003, _BANNED.format(address=address, until=until_ms))
    extra = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Reply(reply.status, reply.body, {**reply.headers, **extra})


def no_such_key(key: str) -> Reply:
    """The store's 404."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>{escape(key)}</Key>"
        "<RequestId>0000000000000000</RequestId><HostId>fakebinance</HostId></Error>"
    )
    return Reply(404, body.encode(), {"Content-Type": "application/xml", "Server": "AmazonS3"})


def page(status: int, title: str) -> Reply:
    text = title.encode()
    return Reply(status, _PAGE % (text, text), HTML)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an answer is given: the clock, the advertised weight limit and the client's address."""

    clock: Clock
    weight_limit: int
    address: str


def faulty(faults: Sequence[Fault], visit: Visit, scene: Scene) -> Reply | None:
    """What the first fault that replaces the whole answer puts in its place; None if there is none."""
    for fault in faults:
        if (answer := _ANSWERS.get(fault.name)) is not None:
            return answer(fault.params, visit, scene)
    return None


def _not_found(_params: Params, visit: Visit, _scene: Scene) -> Reply:
    is_object = visit.kind.startswith("archive.")
    return no_such_key(visit.path.removeprefix("/")) if is_object else page(404, "404 Not Found")


def _rate_limited(params: Params, _visit: Visit, scene: Scene) -> Reply:
    return too_many_requests(scene.weight_limit, params.get("retry_after", 1))


def _ban(params: Params, _visit: Visit, scene: Scene) -> Reply:
    seconds = params.get("seconds", 120)
    until = scene.clock.now() + int(seconds * 1_000 * (scene.clock.speed or 1.0))
    return banned(scene.address, until, math.ceil(seconds) if params.get("retry_after", True) else None)


def _server_error(params: Params, _visit: Visit, _scene: Scene) -> Reply:
    body = params.get("body", '{"code":-1000,"msg":"Unknown error, please check your request or try again later."}')
    return Reply(params.get("status", 503), body.encode(), JSON)


def _geo_blocked(_params: Params, _visit: Visit, _scene: Scene) -> Reply:
    return error(451, 0, _RESTRICTED)


def _anything(params: Params, _visit: Visit, _scene: Scene) -> Reply:
    return Reply(params.get("status", 500), params.get("body", "").encode(), params.get("headers", {}))


_ANSWERS: Final[dict[str, Callable[[Params, Visit, Scene], Reply]]] = {
    "not_found": _not_found,
    "rate_limited": _rate_limited,
    "banned": _ban,
    "server_error": _server_error,
    "geo_blocked": _geo_blocked,
    "forbidden": lambda _params, _visit, _scene: page(403, "ERROR: The request could not be satisfied"),
    "challenge": lambda _params, _visit, _scene: Reply(202, b"", {"x-amzn-waf-action": "challenge", **HTML}),
    "html": lambda _params, _visit, _scene: page(200, "Please wait"),
    "not_json": lambda _params, _visit, _scene: page(200, "Please wait"),
    "status": _anything,
}


def damaged_checksum(text: bytes, faults: Sequence[Fault]) -> bytes:
    """A checksum line with the digest or the name that its faults make of it."""
    if not any(fault.name.startswith("wrong_checksum") for fault in faults):
        return text
    digest, _, name = text.decode().partition("  ")
    for fault in faults:
        if fault.name == "wrong_checksum":
            digest = _WRONG_DIGEST
        elif fault.name == "wrong_checksum_name":
            name = f"other-{name}"
    return f"{digest}  {name}".encode()
