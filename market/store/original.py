"""Reading the minutes that the original has stored: a table `klines_1m` in a database of its own.

Its columns are found by their names, since versions of it differ; nothing is ever written there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from market.domain.frame import CandleFrame
from market.domain.window import TimeWindow, to_datetime

TABLE: Final = "klines_1m"
# What a column may be called, the most likely name first; those without a name that fits may be missing.
_NAMES: Final = {
    "symbol": ("symbol",),
    "time": ("timestamp", "time", "open_time", "ts"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume",),
    "quote_volume": ("quote_volume", "quote_asset_volume"),
    "taker_buy_volume": ("taker_buy_volume", "taker_buy_base_volume", "taker_buy_base_asset_volume"),
    "taker_buy_quote_volume": ("taker_buy_quote_volume", "taker_buy_quote_asset_volume"),
    "trade_count": ("trade_count", "number_of_trades", "trades", "count"),
    "net_volume": ("net_volume",),
    "is_closed": ("is_closed",),
}
_NEEDED: Final = ("symbol", "time", "open", "high", "low", "close", "volume")
_VALUES: Final = (
    *("open", "high", "low", "close"),
    *("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume", "trade_count"),
)
_CONNECT_S: Final = 10
# Times before the exchange existed are in another unit.
_LEAST_MS: Final = 10**12

# The catalogue's primary key.
_COLUMNS: Final = """
    SELECT column_name, data_type FROM information_schema.columns
     WHERE table_name = %s AND table_schema = ANY (current_schemas(false))
"""


class UnusableOriginal(Exception):
    """The database can't be reached, or its table is not of the shape expected; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What is there of a symbol, by the name that it has there; times of the first and the last row in ms UTC."""

    symbol: str
    rows: int
    first: int
    last: int


class Original:
    """An open connection. `absent` names the value columns that the table does not have: they are read as 0."""

    def __init__(self, connection: psycopg.Connection[Any], columns: dict[str, str]) -> None:
        missing = [name for name in _NEEDED if _find(name, columns) is None]
        if missing:
            raise UnusableOriginal(
                f"{TABLE} has the columns {', '.join(sorted(columns)) or '(none: no such table)'}; "
                f"expected are also: {', '.join(missing)}"
            )
        self._connection = connection
        self._columns = columns
        self._at = self._as_ms(_found("time", columns))
        bought = _find("taker_buy_volume", columns) or _find("net_volume", columns)
        self.absent = [
            name for name in _VALUES if _find(name, columns) is None and not (name == "taker_buy_volume" and bought)
        ]

    def holdings(self) -> list[Holding]:
        """One pass over the whole table."""
        query = sql.SQL("SELECT {symbol}, count(*), min({at}), max({at}) FROM {table} GROUP BY 1 ORDER BY 1").format(
            symbol=_column("symbol", self._columns), at=self._at, table=sql.Identifier(TABLE)
        )
        holdings = [Holding(*row) for row in self._connection.execute(query).fetchall()]
        odd = [holding for holding in holdings if not _LEAST_MS <= holding.last < 10 * _LEAST_MS]
        if odd and self._is_number:
            raise UnusableOriginal(f"the newest time of {odd[0].symbol} is {odd[0].last}; milliseconds are expected")
        return holdings

    def read(self, symbol: str, window: TimeWindow) -> CandleFrame:
        """The symbol's closed rows that open inside the window, ascending in time, as they are: nothing is checked."""
        query = sql.SQL(
            "SELECT {at}, {values} FROM {table}"
            " WHERE {symbol} = %s AND {time} >= %s AND {time} < %s {closed} ORDER BY 1"
        ).format(
            at=self._at,
            values=sql.SQL(", ").join(map(self._value, _VALUES)),
            table=sql.Identifier(TABLE),
            symbol=_column("symbol", self._columns),
            time=_column("time", self._columns),
            closed=sql.SQL("" if _find("is_closed", self._columns) is None else "AND is_closed"),
        )
        # Compared as the column is, or no index helps.
        bounds: Sequence[Any] = [window.start, window.end]
        if not self._is_number:
            bounds = [to_datetime(window.start), to_datetime(window.end)]
        return CandleFrame.from_rows(self._connection.execute(query, [symbol, *bounds]).fetchall())

    @property
    def _is_number(self) -> bool:
        return self._columns[_found("time", self._columns)] in {"bigint", "numeric"}

    def _as_ms(self, name: str) -> sql.Composable:
        forms = {
            "bigint": "{}",
            "numeric": "{}::bigint",
            "timestamp with time zone": "(extract(epoch FROM {}) * 1000)::bigint",
            # The session is in UTC.
            "timestamp without time zone": "(extract(epoch FROM {}::timestamptz) * 1000)::bigint",
        }
        if self._columns[name] not in forms:
            raise UnusableOriginal(f"{TABLE}.{name} is of type {self._columns[name]}; expected: {', '.join(forms)}")
        return sql.SQL(forms[self._columns[name]]).format(sql.Identifier(name))

    def _value(self, name: str) -> sql.Composable:
        found = _find(name, self._columns)
        if found is not None:
            # What is not given is not a number, and refused; it never becomes a 0.
            cast = "coalesce({}::bigint, -1)" if name == "trade_count" else "coalesce({}::float8, 'NaN')"
            return sql.SQL(cast).format(sql.Identifier(found))
        if name == "taker_buy_volume" and _find("net_volume", self._columns) is not None:
            # net = bought - sold = 2 * bought - volume
            return sql.SQL("coalesce((net_volume::numeric + volume::numeric) / 2, 'NaN')::float8")
        return sql.SQL("0")


@contextmanager
def original(dsn: str) -> Iterator[Original]:
    """The original's database, for reading. Raises UnusableOriginal."""
    try:
        connection = psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_S, application_name="klineproject")
    except psycopg.Error as error:
        raise UnusableOriginal(f"the database can't be reached: {str(error).strip()}") from error
    with connection:
        try:
            connection.execute("SET default_transaction_read_only = on")
            connection.execute("SET timezone = 'UTC'")
            yield Original(connection, dict(connection.execute(_COLUMNS, [TABLE]).fetchall()))
        except psycopg.Error as error:
            raise UnusableOriginal(f"{TABLE} can't be read: {str(error).strip()}") from error


def _find(name: str, columns: dict[str, str]) -> str | None:
    return next((candidate for candidate in _NAMES[name] if candidate in columns), None)


def _found(name: str, columns: dict[str, str]) -> str:
    return next(candidate for candidate in _NAMES[name] if candidate in columns)


def _column(name: str, columns: dict[str, str]) -> sql.Identifier:
    return sql.Identifier(_found(name, columns))
