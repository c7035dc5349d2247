"""Status, headers and body of an answer become one error of ours."""

from __future__ import annotations

import httpx
import pytest

from feeds.binance.errors import (
    ApiError,
    Banned,
    ExchangeError,
    Forbidden,
    MalformedReply,
    NotFound,
    ProxyFailed,
    RegionBlocked,
    ServerError,
    Throttled,
    UnknownSymbol,
    Unreachable,
)
from feeds.binance.replies import error_of, http_date_ms, network_errors

NOW = 1_615_183_600_000
URL = "https://exchange.test/fapi/v1/klines"
PAGE = b"<html><body>Request blocked</body></html>"
TOO_MANY = (
    b'{"code":-1003,"msg":"Too many requests; current limit is 2400 requests per minute. '
    b'Please use the websocket for live updates to avoid polling the API."}'
)
BAN = (
    b'{"code":-1003,"msg":"Way too many requests; IP(1.2.3.4) banned until 1615183669840. '
    b'Please use the websocket for live updates to avoid bans."}'
)


def error(status: int, body: bytes = b"", **headers: str) -> ExchangeError | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of(URL, status, httpx.Headers(named), body, now_ms=NOW)


def test_a_good_answer_is_no_error() -> None:
    assert error(200, b"[]") is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (202, b"", Forbidden),
        (302, b"", MalformedReply),
        (400, b"<Error/>", MalformedReply),
        (400, b'{"code":-1121,"msg":"Invalid symbol."}', UnknownSymbol),
        (400, b'{"code":-1130,"msg":"Data sent"}', ApiError),
        (403, PAGE, Forbidden),
        (404, b"<Error><Code>NoSuchKey</Code></Error>", NotFound),
        (407, b"", ProxyFailed),
        (418, b"", Banned),
        (429, b"", Throttled),
        (400, TOO_MANY, Throttled),
        (400, BAN, Banned),
        (451, b'{"code":0,"msg":"Service unavailable from a restricted location"}', RegionBlocked),
        (500, b"", ServerError),
        (503, b'{"code":-1121,"msg":"odd"}', ServerError),
        (504, PAGE, ServerError),
    ],
)
def test_each_answer_is_one_kind_of_error(status: int, body: bytes, kind: type[ExchangeError]) -> None:
    assert type(error(status, body)) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("17", 17.0), ("0", 0.0), ("Mon, 08 Mar 2021 06:07:10 GMT", 30.0), ("soon", 60.0), ("", 60.0), ("-5", 60.0)],
)
def test_a_throttle_lasts_as_long_as_it_says_or_a_minute(header: str, seconds: float) -> None:
    throttled = error(429, TOO_MANY, retry_after=header)
    assert isinstance(throttled, Throttled)
    assert throttled.retry_after_s == seconds


def test_a_ban_ends_when_its_text_says() -> None:
    banned = error(418, BAN)
    assert isinstance(banned, Banned)
    assert (banned.until_ms, banned.wait_s) == (1615183669840, 69.84)


def test_a_ban_without_a_text_lasts_as_long_as_its_header_says() -> None:
    banned = error(418, b"", retry_after="300")
    assert isinstance(banned, Banned)
    assert (banned.until_ms, banned.wait_s) == (NOW + 300_000, 300.0)


def test_a_ban_that_says_nothing_lasts_two_minutes() -> None:
    banned = error(418)
    assert isinstance(banned, Banned)
    assert banned.until_ms == NOW + 120_000


def test_the_exchange_s_code_and_words_are_kept() -> None:
    refused = error(400, b'{"code":-1130,"msg":"Data sent for parameter \'limit\' is not valid."}')
    assert isinstance(refused, ApiError)
    assert (refused.status, refused.code, refused.msg) == (
        400,
        -1130,
        "Data sent for parameter 'limit' is not valid.",
    )


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ConnectError("refused"), Unreachable),
        (httpx.ReadTimeout(""), Unreachable),
        (httpx.RemoteProtocolError("peer closed connection"), Unreachable),
        (httpx.DecodingError("bad gzip"), Unreachable),
        (httpx.ProxyError("407 Proxy Authentication Required"), ProxyFailed),
        (TimeoutError(), Unreachable),
    ],
)
def test_what_the_network_does_becomes_one_of_ours(raised: Exception, kind: type[Unreachable]) -> None:
    with pytest.raises(Unreachable) as caught, network_errors(URL):
        raise raised
    assert type(caught.value) is kind


@pytest.mark.parametrize("text", [None, "", "yesterday", "Mon, 99 Xxx 2021 06:07:10 GMT"])
def test_a_date_that_cannot_be_read_is_none(text: str | None) -> None:
    assert http_date_ms(text) is None


def test_a_date_is_read_as_utc() -> None:
    assert http_date_ms("Fri, 03 Jul 2026 17:08:28 GMT") == 1_783_098_508_000
