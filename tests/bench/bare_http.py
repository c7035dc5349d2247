"""The least that can answer with the same rows: one statement by asyncpg, orjson, and nothing else, on the product's
server and event loop.

Run as `python -m tests.bench.bare_http` with DATABASE_URL. It believes every parameter, knows neither users nor limits
nor a live tail, and answers everything as it stands in the table.
"""

from __future__ import annotations

import logging
import os
from typing import Any, Final
from urllib.parse import parse_qsl

import asyncpg
import orjson
import uvicorn

_COLUMNS: Final = "time, open, high, low, close, volume, taker_buy_volume"
_TABLES: Final = {"1m": "candle_1m", "1h": "candle_1h", "1d": "candle_1d", "1M": "candle_1mo"}
_RESOLUTIONS: Final = {"1": "1m", "60": "1h", "1D": "1d", "1M": "1M"}
_CONNECTIONS: Final = 4
_EPOCH_MS: Final = 946_684_800_000
_MINUTE_US: Final = 60_000_000
# The same bounds as the product's statement has: without one, the planner looks at each of a hundred chunks.
_STATEMENTS: Final = {
    name: f"SELECT {_COLUMNS} FROM {table} WHERE symbol_id = $1 AND time < $2 AND time >= $3 ORDER BY time DESC LIMIT $4"  # noqa: S608, E501
    for name, table in _TABLES.items()
}
_HEADERS: Final = [(b"content-type", b"application/json")]


class Application:
    """ASGI; the pool and the symbols' ids are read when the server starts."""

    def __init__(self) -> None:
        self._pool: Any = None
        self._ids: dict[str, int] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._start(receive, send)
            return
        query = dict(parse_qsl(scope["query_string"].decode()))
        path: str = scope["path"]
        body = await (self._history(query) if path == "/history" else self._klines(path.rpartition("/")[2], query))
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": body})

    async def _start(self, receive: Any, send: Any) -> None:
        await receive()
        self._pool = await asyncpg.create_pool(
            os.environ["DATABASE_URL"], min_size=_CONNECTIONS, max_size=_CONNECTIONS, init=_microseconds
        )
        self._ids = {row["name"]: row["id"] for row in await self._pool.fetch("SELECT id, name FROM market_symbol")}
        await send({"type": "lifespan.startup.complete"})

    async def _klines(self, symbol: str, query: dict[str, str]) -> bytes:
        end_ms = int(query["end_time"]) + 1
        rows = await self._rows(query["interval"], symbol, end_ms, int(query["limit"]))
        return orjson.dumps(
            {
                "success": True,
                "data": [
                    {
                        "symbol": symbol,
                        "timestamp": time,
                        "open": opened,
                        "high": high,
                        "low": low,
                        "close": close,
                        "volume": volume,
                        "taker_buy_volume": bought,
                        "net_volume": round(2 * bought - volume, 8),
                        "is_closed": True,
                    }
                    for time, opened, high, low, close, volume, bought in rows
                ],
                "error": None,
            }
        )

    async def _history(self, query: dict[str, str]) -> bytes:
        interval, end_ms = _RESOLUTIONS[query["resolution"]], int(query["to"]) * 1_000
        rows = await self._rows(interval, query["symbol"], end_ms, int(query["countback"]))
        times, opens, highs, lows, closes, volumes, bought = zip(*rows, strict=True)
        return orjson.dumps(
            {
                "s": "ok",
                "t": [time // 1_000 for time in times],
                "o": opens,
                "h": highs,
                "l": lows,
                "c": closes,
                "v": volumes,
                "nv": [round(2 * part - whole, 8) for whole, part in zip(volumes, bought, strict=True)],
                "tbv": bought,
            }
        )

    async def _rows(self, interval: str, symbol: str, end_ms: int, limit: int) -> list[Any]:
        end = (end_ms - _EPOCH_MS) * 1_000
        start = end - limit * _MINUTE_US if interval == "1m" else -_EPOCH_MS * 1_000
        rows: list[Any] = await self._pool.fetch(_STATEMENTS[interval], self._ids[symbol], (end,), (start,), limit)
        rows.reverse()
        return rows


async def _microseconds(connection: Any) -> None:
    """Times as numbers: a datetime for each would cost more."""
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", format="tuple", encoder=tuple, decoder=_milliseconds
    )


def _milliseconds(value: tuple[int]) -> int:
    return value[0] // 1_000 + _EPOCH_MS


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    uvicorn.run(Application(), host="127.0.0.1", port=0, access_log=False, log_config=None)
