"""A TCP connection through a SOCKS5 proxy (RFC 1928, RFC 1929), for the stream: httpx brings its own."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from socksio import ProtocolError, socks5

_HEAD: Final = 4
_PORT: Final = 2
_ADDRESS_LENGTHS: Final = {0x01: 4, 0x04: 16}  # by address type: IPv4, IPv6
_NAME: Final = 0x03


class SocksRefused(OSError):
    """The proxy answers, and does not let us through. The text has no credentials."""


async def open_socks5(
    proxy: tuple[str, int], target: tuple[str, int], credentials: tuple[str, str] | None
) -> socket.socket:
    """A connected socket, non-blocking. The proxy resolves the target's name. Raises OSError."""
    sock = await _connected(*proxy)
    try:
        await _negotiate(sock, target, credentials)
    except ProtocolError as error:
        sock.close()
        raise SocksRefused(f"no SOCKS5 proxy: {error}") from error
    except BaseException:
        # Cancelled, too: nobody else knows of this socket.
        sock.close()
        raise
    return sock


async def _connected(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            # As above.
            sock.close()
            raise
        else:
            return sock
    raise failure


async def _negotiate(sock: socket.socket, target: tuple[str, int], credentials: tuple[str, str] | None) -> None:
    protocol = socks5.SOCKS5Connection()
    method = (
        socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED if credentials is None else socks5.SOCKS5AuthMethod.USERNAME_PASSWORD
    )
    protocol.send(socks5.SOCKS5AuthMethodsRequest([method]))
    offered = protocol.receive_data(await _ask(sock, protocol.data_to_send(), 2))
    if not isinstance(offered, socks5.SOCKS5AuthReply) or offered.method != method:
        raise SocksRefused("the SOCKS5 proxy wants to be asked with other credentials than PROXY_USERNAME's")
    if credentials is not None:
        user, password = (part.encode() for part in credentials)
        protocol.send(socks5.SOCKS5UsernamePasswordRequest(user, password))
        verdict = protocol.receive_data(await _ask(sock, protocol.data_to_send(), 2))
        if not isinstance(verdict, socks5.SOCKS5UsernamePasswordReply) or not verdict.success:
            raise SocksRefused("the SOCKS5 proxy refuses the credentials")
    protocol.send(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, target))
    head = await _ask(sock, protocol.data_to_send(), _HEAD)
    answer = protocol.receive_data(head + await _address(sock, head[3]))
    if not isinstance(answer, socks5.SOCKS5Reply) or answer.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        raise SocksRefused(f"the SOCKS5 proxy cannot connect: reply {head[1]}")


async def _address(sock: socket.socket, kind: int) -> bytes:
    """The rest of a reply: an address of that type and a port."""
    if kind == _NAME:
        length = await _read(sock, 1)
        return length + await _read(sock, length[0] + _PORT)
    if kind not in _ADDRESS_LENGTHS:
        raise SocksRefused(f"the SOCKS5 proxy answers with an address of unknown type {kind}")
    return await _read(sock, _ADDRESS_LENGTHS[kind] + _PORT)


async def _ask(sock: socket.socket, request: bytes, length: int) -> bytes:
    await asyncio.get_running_loop().sock_sendall(sock, request)
    return await _read(sock, length)


async def _read(sock: socket.socket, length: int) -> bytes:
    """Exactly so many bytes: what follows them is no longer the proxy's."""
    read = b""
    while len(read) < length:
        chunk = await asyncio.get_running_loop().sock_recv(sock, length - len(read))
        if not chunk:
            raise SocksRefused("the SOCKS5 proxy has hung up")
        read += chunk
    return read
