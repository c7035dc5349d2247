"""HTTP as bytes, for requests that no client would send, and what each protocol's refusal has to look like."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

_FORMS: Final = (
    ("/api", ({"success": False, "data": None}, "error")),
    ("/canvas", ({"success": False, "data": None}, "error")),
    ("/1.1", ({"status": "error"}, "message")),
    ("/1.0", ({"status": "error"}, "message")),
)
_DATAFEED: Final = ({"s": "error"}, "errmsg")


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 where the connection was closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers.get("content-type") == "application/json", (self.status, self.headers, self.body[:300])
        return json.loads(self.body)


def exchange(port: int, parts: Iterable[bytes], *, seconds: float = 30.0) -> Answer:
    """Send the parts as they stand; the first answer, read until the server ends it or closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as link:
        # A server may answer, and close, before it has read everything.
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                link.sendall(part)
        return read_answer(link)


def read_answer(link: socket.socket) -> Answer:
    """The next answer on a connection."""
    received = b""
    with suppress(ConnectionResetError):
        while b"\r\n\r\n" not in received and (part := link.recv(65_536)):
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        headers = _headers(head)
        length = int(headers.get("content-length", "-1"))
        while (length < 0 or len(body) < length) and (part := link.recv(65_536)):
            body += part
        return Answer(int(head.split()[1]) if head else 0, headers, body)
    return Answer(0, {}, b"")


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def request(line: str, port: int, body: bytes = b"", *more: str, version: str = "1.1") -> bytes:
    """A request with the headers that every one has, and `more` of them, a line each."""
    lines = [
        f"{line} HTTP/{version}",
        f"Host: 127.0.0.1:{port}",
        "Connection: close",
        *([f"Content-Length: {len(body)}"] if body else []),
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def ask(port: int, line: str, body: bytes = b"", **headers: str) -> Answer:
    """The answer to one request as it stands. `content_type="x"` becomes the header Content-Type; an empty text takes
    one away that every request has."""
    fields = {"host": f"127.0.0.1:{port}", "connection": "close", "content_length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items() if value)
    return exchange(port, [f"{line} HTTP/1.1\r\n{head}\r\n".encode(), body])


def assert_refused(path: str, answer: Answer, *statuses: int) -> None:
    """One of these statuses, in the form of the path's protocol, with nothing of our insides."""
    assert answer.status in statuses, (path, answer)
    assert_failure(path, answer.json)


def assert_failure(path: str, body: Any) -> str:
    """The body of a refusal, in the form of the path's protocol; its text."""
    rest, name = next((form for begin, form in _FORMS if path.lstrip("/").startswith(begin[1:])), _DATAFEED)
    text = body.get(name)
    assert body == {**rest, name: text}, (path, body)
    assert isinstance(text, str)
    assert 0 < len(text) < 400
    assert "Traceback" not in text
    assert "<" not in text[:1]
    return text


def assert_broken(answer: Answer, *statuses: int) -> None:
    """What is no HTTP is refused by HTTP itself: a word of plain text, or none."""
    assert answer.status in {0, *statuses}, answer
    if answer.status:
        assert answer.headers["content-type"].startswith("text/plain"), answer
        assert len(answer.body) < 200
