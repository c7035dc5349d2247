"""A body that is too large is refused before the application has it."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from canvas.intake import MAX_BODY_BYTES, LimitedBodies, Receive, Send

Message = MutableMapping[str, Any]


class Exchange:
    """One request: what is received of it, what is answered, and what the application saw."""

    def __init__(self, path: str, chunks: list[bytes], **headers: str) -> None:
        names = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        self.scope: Message = {"type": "http", "path": path, "headers": list(names.items())}
        self.waiting = chunks
        self.sent: list[Message] = []
        self.seen: list[Message] = []

    async def receive(self) -> Message:
        chunk = self.waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.waiting)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def application(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers once it has the whole body, as Django does, and says nothing to a client that is gone."""
        while True:
            message = await receive()
            self.seen.append(message)
            if message["type"] == "http.disconnect":
                return
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run(self) -> int:
        await LimitedBodies(self.application)(self.scope, self.receive, self.send)
        assert [message["type"] for message in self.sent] == ["http.response.start", "http.response.body"]
        return int(self.sent[0]["status"])


@pytest.mark.parametrize("path", ["/canvas/save", "/1.1/charts", "/canvas", "/1.0/x"])
async def test_a_body_announced_as_too_large_is_not_read_at_all(path: str) -> None:
    exchange = Exchange(path, [b"x"], content_length=str(100 * 1024 * 1024))
    assert await exchange.run() == 413
    assert (exchange.seen, exchange.waiting) == ([], [b"x"])


async def test_a_body_that_was_not_announced_is_cut_off_where_it_becomes_too_large() -> None:
    exchange = Exchange("/canvas/save", [b"x" * (MAX_BODY_BYTES // 2)] * 10)
    assert await exchange.run() == 413
    assert len(exchange.waiting) == 7
    assert exchange.seen[-1]["type"] == "http.disconnect"


async def test_the_largest_body_passes() -> None:
    exchange = Exchange("/canvas/save", [b"x" * MAX_BODY_BYTES], content_length=str(MAX_BODY_BYTES))
    assert await exchange.run() == 200


@pytest.mark.parametrize("path", ["/api/symbols", "/canvases", "/1.10/x", "/x/canvas/save"])
async def test_other_addresses_are_none_of_its_business(path: str) -> None:
    exchange = Exchange(path, [b"x"], content_length=str(100 * 1024 * 1024))
    assert await exchange.run() == 200


@pytest.mark.parametrize(
    ("path", "names"), [("/canvas/save", {"success", "data", "error"}), ("/1.1/charts", {"status", "message"})]
)
async def test_it_answers_in_the_form_of_the_address(path: str, names: set[str]) -> None:
    exchange = Exchange(path, [], content_length="9999999999")
    await exchange.run()
    assert set(json.loads(exchange.sent[1]["body"])) == names
