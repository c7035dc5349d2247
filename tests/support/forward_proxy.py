"""Real forward proxies on neighbouring ports, one that speaks SOCKS5, and plain relays."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psutil

from tests.support.eventually import eventually

USER, PASSWORD = "us3r-of-proxy", "pa55-of-proxy"

_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def neighbours(held: contextlib.ExitStack, count: int) -> list[socket.socket]:
    """So many ports in a row, bound by sockets that do not listen, until the stack lets go of them."""
    for _ in range(100):
        with contextlib.ExitStack() as attempt:
            sockets = [attempt.enter_context(socket.socket()) for _ in range(count)]
            sockets[0].bind(("127.0.0.1", 0))
            first = sockets[0].getsockname()[1]
            try:
                for offset, neighbour in enumerate(sockets[1:], start=1):
                    neighbour.bind(("127.0.0.1", first + offset))
            except (OSError, OverflowError):
                continue
            held.push(attempt.pop_all())
            return sockets
    raise AssertionError(f"no {count} free ports in a row")


@contextlib.contextmanager
def forward_proxy(log: Path, port: int, *, ports: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """A forward proxy that wants credentials, on so many ports from `port` on. Ended twice does no harm."""
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port)]
    if ports > 1:
        command += ["--ports", *(str(port + offset) for offset in range(1, ports))]
    command += ["--num-workers", "1", "--num-acceptors", "1", "--basic-auth", f"{USER}:{PASSWORD}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            eventually(lambda: _listens(port + ports - 1, process, log), within=20)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=20)


def kill_whole(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a proxy and of its workers, who hold the tunnels."""
    for member in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        member.kill()
    process.wait(timeout=20)


def _listens(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextlib.asynccontextmanager
async def socks_proxy(user: str = "", password: str = "") -> AsyncIterator[int]:
    """A SOCKS5 proxy on this port, which takes no credentials or just these."""
    async with _listening(lambda reader, writer: _shake_hands(reader, writer, (user, password))) as port:
        yield port


@contextlib.asynccontextmanager
async def tls_before(host: str, port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A port on which the plain server at that address is reached over TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _relay(reader, writer, *await asyncio.open_connection(host, port))

    async with _listening(serve, context) as own:
        yield own


@contextlib.asynccontextmanager
async def _listening(serve: _Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on this port. Its conversations end with the block: what they left open would be the next test's."""
    conversations: list[asyncio.Task[None]] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.append(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            await serve(reader, writer)

    async with await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, known: tuple[str, str]) -> None:
    """RFC 1928 and 1929, byte by byte."""
    _, count = await reader.readexactly(2)
    method = 2 if known[0] else 0
    is_offered = method in await reader.readexactly(count)
    writer.write(bytes([5, method if is_offered else 0xFF]))
    if not is_offered:
        return
    if method:
        await reader.readexactly(1)
        given = [(await reader.readexactly((await reader.readexactly(1))[0])).decode() for _ in range(2)]
        writer.write(bytes([1, 0 if tuple(given) == known else 1]))
        if tuple(given) != known:
            return
    *_, kind = await reader.readexactly(4)
    host = (
        socket.inet_ntoa(await reader.readexactly(4))
        if kind == 1
        else (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    )
    port = int.from_bytes(await reader.readexactly(2))
    far = await asyncio.open_connection(host, port)
    # In two pieces, as a network may deliver it.
    writer.write(bytes([5, 0, 0]))
    await writer.drain()
    writer.write(bytes([3, 4]) + b"here" + bytes(2))
    await _relay(reader, writer, *far)


async def _relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
) -> None:
    """Carry bytes both ways until both sides have ended."""
    with contextlib.closing(far_writer):
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65_536):
        sink.write(chunk)
        await sink.drain()
    sink.close()
