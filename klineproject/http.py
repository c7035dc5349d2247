"""HTTP for Django's synchronous views, in a few threads that stay.

A thread is held while Python runs, never while a client is waited for: an ordinary answer comes out of it whole, and
of one that is streamed each part is made by itself, when the client has taken the part before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any, Final, TypeVar, cast

from django.core import signals
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from klineproject.reads import Headers, ShortWay

logger = logging.getLogger(__name__)

# Small parts of a stream are joined up to this many bytes: each way through a thread costs as much as a few kilobytes.
_PART_BYTES: Final = 64 << 10
# A client that takes no byte of a stream for so long (seconds) is cut off: what a stream holds is for others, too.
_STALLED_SECONDS: Final = 60.0

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Whole:
    """An answer that is ready."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class _Stream:
    """An answer whose body is still to be made."""

    status: int
    headers: Headers
    response: StreamingHttpResponse
    parts: Iterator[bytes]


class ThreadedHandler(BaseHandler):
    """An ASGI application for requests; the views of each run in one of `threads` threads."""

    def __init__(self, *, threads: int) -> None:
        super().__init__()
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="http")
        self._short_way = ShortWay(self._in_thread)

    async def stop(self) -> None:
        """Close what the event loop holds."""
        await self._short_way.stop()

    async def __call__(self, scope: Message, begun: bytes, receive: Receive, send: Send, *, is_whole: bool) -> None:
        """Answer one request. `begun` is its body as far as it has come; unless that is the whole, it is longer than
        any view wants: RequestDataTooBig for one that reads on."""
        kind = self._short_way.kind_of(scope) if is_whole and not begun else None
        if kind is not None:
            short = await self._short_way.answer(scope, kind)
            if short is not None:
                await send({"type": "http.response.start", "status": 200, "headers": short[0]})
                await send({"type": "http.response.body", "body": short[1]})
                return
        body = BytesIO(begun) if is_whole else BufferedReader(_Beginning(begun))
        answer = await self._in_thread(self._answer, scope, body)
        if kind is not None:
            self._short_way.learn(kind, answer.status, answer.headers)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if isinstance(answer, _Whole):
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await self._stream(answer, scope, receive, send)

    def _in_thread(self, function: Callable[..., _Result], *arguments: Any) -> asyncio.Future[_Result]:
        """The function's result. The event loop's own way of handing over goes through a second future with locks of
        its own, for half as much time again."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Result] = loop.create_future()
        self._threads.submit(_work, loop, future, function, arguments)
        return future

    def _answer(self, scope: Message, body: Any) -> _Whole | _Stream:
        """In a thread: the view's answer, as far as it can be made at once."""
        signals.request_started.send(sender=type(self), scope=scope)
        set_script_prefix(scope.get("root_path", "") or "")
        response: HttpResponseBase = self.get_response(_request(scope, body))
        if isinstance(response, StreamingHttpResponse):
            return _Stream(response.status_code, _headers(response), response, iter(response))
        whole = _Whole(response.status_code, _headers(response), cast("Any", response).content)
        response.close()
        return whole

    async def _stream(self, answer: _Stream, scope: Message, receive: Receive, send: Send) -> None:
        """Part after part, until the end or until the client has left.

        Where one cannot be made or is not taken, the answer stays without its end and the server cuts the connection:
        the client sees that it has not got everything.
        """
        gone = asyncio.create_task(_disconnect(receive))
        step: asyncio.Future[bytes] | None = None
        try:
            while not gone.done():
                part = b""
                if scope["method"] != "HEAD":
                    step = self._in_thread(_next_part, answer.parts)
                    part = await asyncio.shield(step)
                async with asyncio.timeout(_STALLED_SECONDS):
                    await send({"type": "http.response.body", "body": part, "more_body": bool(part)})
                if not part:
                    break
        except TimeoutError:
            logger.warning("%s is cut off: its client takes nothing", scope["path"])
        except Exception as error:  # noqa: BLE001 (half the answer is out: it can only be cut, and the log be told)
            logger.warning("%s is cut off: %s: %s", scope["path"], type(error).__name__, error)
        finally:
            gone.cancel()
            if step is not None:
                # Where the server stops in the middle of a part: nothing is closed that a thread still works with.
                await asyncio.wait([step])
            await self._in_thread(answer.response.close)


def _request(scope: Message, body: Any) -> ASGIRequest:
    """The request as Django sees it. What it sends is UTF-8, whatever it says: Django would take any codec of Python's
    for a charset, also those that make no text, and fails at its own page about a form in another one."""
    try:
        request = ASGIRequest(scope, body)
    except ValueError:
        # A Content-Type with a word in a charset that there is not says as much as none.
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
        request = ASGIRequest({**scope, "headers": headers}, body)
    if "charset" in (request.content_params or {}):
        request.encoding = "utf-8"
    return request


def _headers(response: HttpResponseBase) -> Headers:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    headers += [(b"set-cookie", cookie.OutputString().encode("latin-1")) for cookie in response.cookies.values()]
    return headers


def _work(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[_Result],
    function: Callable[..., _Result],
    arguments: tuple[Any, ...],
) -> None:
    """In a thread: call the function, and tell the event loop."""
    try:
        told = partial(_settle, future, result=function(*arguments))
    except BaseException as error:  # noqa: BLE001  (whoever waits for the result gets it)
        told = partial(_settle, future, error=error)
    # A loop that has ended waits for nothing.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(told)


def _settle(future: asyncio.Future[_Result], result: _Result | None = None, error: BaseException | None = None) -> None:
    if future.done():
        return  # nobody waits any more
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(cast("_Result", result))


async def _disconnect(receive: Receive) -> None:
    """Return when the client has left; what it still sends is not read by anybody."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Beginning(RawIOBase):
    """What has come of a body that is longer than any view wants, as a file. Whoever reads on is told so: the rest may
    come by a byte an hour, and a thread must not wait for it."""

    def __init__(self, begun: bytes) -> None:
        super().__init__()
        self._left = begun

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            raise RequestDataTooBig("the body is longer than what is read of one")
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _next_part(parts: Iterator[bytes]) -> bytes:
    """In a thread: the next bytes of a stream; empty at its end."""
    joined = bytearray()
    for part in parts:
        joined += part
        if len(joined) >= _PART_BYTES:
            break
    return bytes(joined)
