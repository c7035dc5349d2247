"""Downloads through a real proxy with real credentials, and through one that is down."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from feeds.binance.archive import ArchiveClient
from feeds.binance.endpoints import daily_path
from feeds.binance.errors import NotFound, ProxyFailed, Unreachable
from feeds.binance.pacing import LocalPacer
from feeds.binance.proxies import ProxyPool, ProxySettings
from feeds.binance.rest import RestClient
from feeds.fakebinance.server import FakeExchange
from tests.support.eventually import eventually_here
from tests.support.forward_proxy import PASSWORD, USER, forward_proxy, neighbours, tls_before

PATH = daily_path("BTCUSDT", dt.date(2026, 3, 10))
UNPUBLISHED = daily_path("BTCUSDT", dt.date(2026, 3, 20))


@pytest.fixture(scope="module")
def proxy_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A forward proxy that wants credentials, on this port and the next. The one after them refuses connections."""
    with contextlib.ExitStack() as held:
        first, second, _ = neighbours(held, 3)  # the third stays bound, so that nobody else begins to listen there
        port: int = first.getsockname()[1]
        first.close()
        second.close()
        held.enter_context(forward_proxy(tmp_path_factory.mktemp("proxy") / "log", port, ports=2))
        yield port


@pytest.fixture
async def secure_url(tmp_path: Path, exchange: FakeExchange, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The double behind TLS, so that a proxy has to build a tunnel to it. Its certificate is trusted for the test."""
    certificate = _self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    target = urlsplit(exchange.url)
    assert target.hostname is not None
    assert target.port is not None
    async with tls_before(target.hostname, target.port, context) as port:
        yield f"https://127.0.0.1:{port}"


def _self_signed(folder: Path) -> Path:
    """A file with a fresh key and a certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return file


def settings_of(port: int, *, ports: int = 1, password: str = PASSWORD) -> ProxySettings:
    return ProxySettings("127.0.0.1", port, port + ports - 1, username=USER, password=password)


async def test_a_file_comes_through_the_proxy(exchange: FakeExchange, proxy_port: int) -> None:
    async with ProxyPool(settings_of(proxy_port)) as pool:
        file = await ArchiveClient(exchange.url, pool).fetch(PATH)
        assert file.size == len(file.body) > 10_000
        assert pool.status().failures == 0


async def test_a_file_comes_through_a_tunnel_of_the_proxy(secure_url: str, proxy_port: int) -> None:
    async with ProxyPool(settings_of(proxy_port)) as pool:
        file = await ArchiveClient(secure_url, pool, attempts=1).fetch(PATH)
        assert file.size > 10_000


class Endless:
    """A rest that does not end within the test, however slow the machine is."""

    def __init__(self, delay_s: float, callback: Callable[[], None]) -> None: ...

    def cancel(self) -> None: ...


async def test_a_port_that_is_down_rests_while_the_others_work(exchange: FakeExchange, proxy_port: int) -> None:
    async with ProxyPool(settings_of(proxy_port, ports=3), later=Endless) as pool:
        client = ArchiveClient(exchange.url, pool)
        for _ in range(6):
            await client.fetch(PATH)
        status = pool.status()
        assert (status.failures, status.resting, status.busy) == (1, 1, 0)


async def test_as_many_downloads_run_at_once_as_there_are_ports(exchange: FakeExchange, proxy_port: int) -> None:
    exchange.faults.add("stall", match={"kind": "archive.zip"}, params={"seconds": 0.3})
    async with ProxyPool(settings_of(proxy_port, ports=2)) as pool:
        client = ArchiveClient(exchange.url, pool)
        running = [asyncio.create_task(client.fetch(PATH)) for _ in range(4)]
        await eventually_here(lambda: pool.status().busy == 2)
        await asyncio.gather(*running)
    starts = sorted(entry.real_s for entry in exchange.requests.entries() if entry.kind == "archive.zip")
    assert len(starts) == 4
    assert starts[2] - starts[0] > 0.2


class OneHeldBack(LocalPacer):
    """Lets the first port wait for half a minute."""

    def __init__(self, held_back: str) -> None:
        super().__init__()
        self.held_back = held_back
        self.granted: list[str] = []

    async def reserve(self, egress: str, weight: int) -> float:
        if egress == self.held_back:
            return 30.0
        self.granted.append(egress)
        return await super().reserve(egress, weight)


async def test_a_port_that_must_wait_leaves_the_request_to_another(exchange: FakeExchange, proxy_port: int) -> None:
    pacer = OneHeldBack(f"127.0.0.1:{proxy_port}")
    async with ProxyPool(settings_of(proxy_port, ports=2)) as pool:
        listing = await RestClient(exchange.url, pool, pacer).exchange_info()
    assert listing.symbols
    assert pacer.granted == [f"127.0.0.1:{proxy_port + 1}"]


async def test_a_missing_file_is_not_the_proxy_s_fault(exchange: FakeExchange, proxy_port: int) -> None:
    async with ProxyPool(settings_of(proxy_port)) as pool:
        with pytest.raises(NotFound):
            await ArchiveClient(exchange.url, pool).fetch(UNPUBLISHED)
        assert (pool.status().failures, pool.status().resting) == (0, 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_its_credentials_rests(exchange: FakeExchange, proxy_port: int, scheme: str) -> None:
    """Over http the 407 comes as the answer, over https as the refusal of the tunnel."""
    async with ProxyPool(settings_of(proxy_port, password="wr0ng")) as pool:
        client = ArchiveClient(exchange.url.replace("http:", f"{scheme}:"), pool, attempts=1)
        with pytest.raises(ProxyFailed):
            await client.fetch(PATH)
        assert (pool.status().failures, pool.status().resting) == (1, 1)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("offset", [0, 2], ids=["refusing", "down"])
async def test_credentials_are_in_no_error_and_no_log(
    exchange: FakeExchange, proxy_port: int, scheme: str, offset: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "wr0ng-pa55"
    async with ProxyPool(settings_of(proxy_port + offset, password=wrong)) as pool:
        client = ArchiveClient(exchange.url.replace("http:", f"{scheme}:"), pool, attempts=1)
        with pytest.raises(Unreachable) as failure:
            await client.fetch(PATH)
    said = "".join(traceback.format_exception(failure.value)) + repr(failure.value) + caplog.text
    assert caplog.text
    assert wrong not in said
    assert USER not in said
