"""HTTP answers and network failures as this package's errors."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import orjson

from feeds.binance.errors import (
    UNKNOWN_SYMBOL_CODE,
    ApiError,
    Banned,
    ExchangeError,
    Forbidden,
    Limited,
    MalformedReply,
    NotFound,
    ProxyFailed,
    RegionBlocked,
    ServerError,
    Throttled,
    UnknownSymbol,
    Unreachable,
)
from market.domain.window import SECOND_MS, from_datetime

TOO_MANY_REQUESTS_CODE: Final = -1003
# The weight window is a clock minute, so a minute is enough where a 429 does not say how long.
DEFAULT_RETRY_AFTER_S: Final = 60.0
# The shortest ban that the exchange documents, where a 418 does not say how long.
DEFAULT_BAN_S: Final = 120.0

_BANNED_UNTIL: Final = re.compile(r"banned until (\d{13})\b")


@contextlib.contextmanager
def network_errors(url: str) -> Iterator[None]:
    """Turns what httpx and time limits raise into ProxyFailed or Unreachable."""
    try:
        yield
    except httpx.ProxyError as error:
        raise ProxyFailed(url, f"the proxy says {error}") from error
    except httpx.RequestError as error:
        raise Unreachable(url, f"{type(error).__name__}: {error}".rstrip(": ")) from error
    except TimeoutError as error:
        raise Unreachable(url, "the answer took too long as a whole") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer, good or bad. `headers` are looked up case-insensitively."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def date_ms(self) -> int | None:
        """The server's own time when it answered, in ms UTC rounded down to the second; None if it does not say."""
        return http_date_ms(self.headers.get("date"))

    def error(self, *, now_ms: int) -> ExchangeError | None:
        """See `error_of`; `now_ms` is used where the answer has no date."""
        date_ms = self.date_ms
        return error_of(self.url, self.status, self.headers, self.body, now_ms=now_ms if date_ms is None else date_ms)


async def read_answer(
    client: httpx.AsyncClient, url: str, *, max_bytes: int, timeout_s: float, headers: Mapping[str, str] | None = None
) -> Answer:
    """GET an address; the answer whatever its status.

    `timeout_s` bounds the whole exchange, because a peer that sends a byte every few seconds passes every read
    timeout. Raises Unreachable or ProxyFailed, and MalformedReply as soon as the body is longer than `max_bytes`, so
    that a wrong server cannot fill the memory.
    """
    body = bytearray()
    with network_errors(url):
        async with asyncio.timeout(timeout_s), client.stream("GET", url, headers=headers) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > max_bytes:
                    start = bytes(body[:200]).decode(errors="replace")
                    raise MalformedReply(url, f"at most {max_bytes} bytes", start)
    return Answer(url, response.status_code, response.headers, bytes(body))


def http_date_ms(text: str | None) -> int | None:
    """The instant of an HTTP date (Date, Last-Modified) in ms UTC, or None where there is none that can be read."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))


def error_of(url: str, status: int, headers: Mapping[str, str], body: bytes, *, now_ms: int) -> ExchangeError | None:
    """The error that an answer stands for; None for a good one.

    `headers` is looked up case-insensitively (httpx.Headers). `now_ms` is the exchange's time as far as it is known;
    waits that the exchange gives as a duration count from it.
    """
    if status == 202:  # an empty body with x-amzn-waf-action: challenge
        return Forbidden(url, status, headers.get("x-amzn-waf-action") or _text(body))
    if 200 <= status < 300:
        return None
    code, message = _api_error(body)
    limit = _limit_of(url, status, headers, code, message or _text(body), now_ms=now_ms)
    if limit is not None:
        return limit
    if code is not None and status < 500 and status != 451:
        return (UnknownSymbol if code == UNKNOWN_SYMBOL_CODE else ApiError)(url, status, code, message)
    return _refusal_of(url, status, _text(body))


def _limit_of(
    url: str, status: int, headers: Mapping[str, str], code: int | None, text: str, *, now_ms: int
) -> Limited | None:
    """The limit that an answer announces, by its status or by the exchange's own code."""
    if status not in (418, 429) and code != TOO_MANY_REQUESTS_CODE:
        return None
    wait_s = _retry_after_s(headers, now_ms)
    until_ms = _banned_until(text)
    if status != 418 and until_ms is None:
        return Throttled(url, DEFAULT_RETRY_AFTER_S if wait_s is None else wait_s)
    if until_ms is None:
        until_ms = now_ms + round((DEFAULT_BAN_S if wait_s is None else wait_s) * SECOND_MS)
    # The header first: a duration needs no clock.
    return Banned(url, until_ms, max(0.0, (until_ms - now_ms) / SECOND_MS) if wait_s is None else wait_s)


def _refusal_of(url: str, status: int, text: str) -> ExchangeError:
    """The error behind an answer that is neither good nor the exchange's own JSON."""
    error: ExchangeError
    match status:
        case 403:
            error = Forbidden(url, status, text)
        case 404:
            error = NotFound(url)
        case 407:
            error = ProxyFailed(url, "the proxy does not accept its credentials (407)")
        case 451:
            error = RegionBlocked(url)
        case _ if status >= 500:
            error = ServerError(url, status, text)
        case _:
            error = MalformedReply(url, "a file or JSON", f"status {status}: {text}")
    return error


def _api_error(body: bytes) -> tuple[int | None, str]:
    """The exchange's code and message, or (None, "") where the body has none."""
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, ""
    if isinstance(reply, dict) and type(reply.get("code")) is int:
        return reply["code"], str(reply.get("msg", ""))
    return None, ""


def _banned_until(text: str) -> int | None:
    found = _BANNED_UNTIL.search(text)
    return int(found[1]) if found else None


def _retry_after_s(headers: Mapping[str, str], now_ms: int) -> float | None:
    """Seconds to wait, from either form of the header (a number or a date)."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    at_ms = http_date_ms(text)
    return None if at_ms is None else max(0.0, (at_ms - now_ms) / SECOND_MS)


def _text(body: bytes) -> str:
    return body[:2_000].decode(errors="replace")
