"""What goes in and what comes out, as the schema of the API.

Rows of candles are not made by `KlineOut` (a serializer object for each of 800 rows takes longer than the query); it
says what they look like, and the tests hold them against it.
"""

from __future__ import annotations

import datetime as dt
import re
import reprlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from rest_framework import serializers

from market.domain.interval import Interval
from market.domain.names import MAX_NAME, is_name
from market.domain.window import EARLIEST_MS, LATEST_MS, from_datetime
from market.models import Collector, CollectorWish
from market.selectors.ledger import HistoryProgress
from market.selectors.live import LiveSymbol

MAX_LIMIT: Final = 20_000
DEFAULT_LIMIT: Final = 800

# int() itself takes more: spaces, underscores, the digits of all scripts.
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class WholeNumberField(serializers.Field[int, object, int, Any]):
    """An integer, or its digits; nothing that merely looks like one. To JSON, 5.0 is the integer 5."""

    def __init__(self, *, least: int, greatest: int, **options: Any) -> None:
        super().__init__(**options)
        self.least, self.greatest = least, greatest

    def to_internal_value(self, data: object) -> int:
        is_number = (isinstance(data, int) and not isinstance(data, bool)) or (
            isinstance(data, float) and data.is_integer()
        )
        is_text = isinstance(data, str) and _WHOLE_NUMBER.fullmatch(data) is not None
        number = int(data) if is_number or is_text else None  # type: ignore[call-overload]
        if number is None or not self.least <= number <= self.greatest:
            raise serializers.ValidationError(
                f"expected a whole number from {self.least} to {self.greatest}, not {reprlib.repr(data)}"
            )
        return int(number)

    def to_representation(self, value: int) -> int:
        return value


class IntervalField(serializers.Field[Interval, object, str, Any]):
    """The API's name of a timeframe."""

    def to_internal_value(self, data: object) -> Interval:
        try:
            return Interval.parse(data if isinstance(data, str) else "")
        except ValueError:
            valid = ", ".join(interval.value for interval in Interval)
            raise serializers.ValidationError(f"expected one of {valid}, not {reprlib.repr(data)}") from None

    def to_representation(self, value: Interval) -> str:
        return value.value


class SymbolNameField(serializers.Field[str, object, str, Any]):
    """A symbol's name in any case, as upper case."""

    def to_internal_value(self, data: object) -> str:
        name = data.upper() if isinstance(data, str) else ""
        if not is_name(name):
            raise serializers.ValidationError(
                f"expected 1 to {MAX_NAME} characters without spaces, slashes or control characters, "
                f"not {reprlib.repr(data)}"
            )
        return name

    def to_representation(self, value: str) -> str:
        return value


class WordField(serializers.Field[str, object, str, Any]):
    """One of a few words, exactly as it is written."""

    def __init__(self, *, words: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.words = words

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str) or data not in self.words:
            raise serializers.ValidationError(f"expected one of {', '.join(self.words)}, not {reprlib.repr(data)}")
        return data

    def to_representation(self, value: str) -> str:
        return value


class MillisecondsField(serializers.Field[dt.datetime, object, int, Any]):
    """A moment, as milliseconds UTC. Only for answers."""

    def to_representation(self, value: dt.datetime) -> int:
        return from_datetime(value)


class StepField(serializers.Field[Decimal, object, str, Any]):
    """A decimal in full, as text: ``0.00001``. Only for answers."""

    def to_representation(self, value: Decimal) -> str:
        return f"{value.normalize():f}"


class KlinesQuery(serializers.Serializer[Any]):
    """Parameters of GET /api/klines/{symbol}."""

    interval = IntervalField(default=Interval.M1)
    limit = WholeNumberField(least=1, greatest=MAX_LIMIT, default=DEFAULT_LIMIT)
    end_time = WholeNumberField(least=EARLIEST_MS, greatest=LATEST_MS - 1, default=None)


class SymbolWish(serializers.Serializer[Any]):
    """Body of POST /api/symbols."""

    symbol = SymbolNameField()
    backfill_from = WholeNumberField(least=EARLIEST_MS, greatest=LATEST_MS - 1, default=None, allow_null=True)


class CollectorsAction(serializers.Serializer[Any]):
    """Body of POST /api/collectors."""

    action = WordField(words=("restart", "shutdown", "start"))


class KlineOut(serializers.Serializer[Any]):
    """One bar."""

    symbol = serializers.CharField()
    timestamp = serializers.IntegerField()
    open = serializers.FloatField()
    high = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    volume = serializers.FloatField()
    taker_buy_volume = serializers.FloatField()
    net_volume = serializers.FloatField()
    is_closed = serializers.BooleanField()


class SymbolOut(serializers.Serializer[Any]):
    """A symbol and the wish for it."""

    symbol = serializers.CharField(source="name")
    is_tracked = serializers.BooleanField()
    backfill_from = MillisecondsField(allow_null=True)
    status = serializers.CharField()
    contract_type = serializers.CharField()
    base_asset = serializers.CharField()
    quote_asset = serializers.CharField()
    tick_size = StepField(allow_null=True)
    step_size = StepField(allow_null=True)
    onboard_at = MillisecondsField(allow_null=True)
    delivery_at = MillisecondsField(allow_null=True)


class HistoryOut(serializers.Serializer[HistoryProgress]):
    """How far the history of a tracked symbol has come. `percent` is `days_done` of `days_wanted`, rounded down: 100
    means that every wanted UTC day that is over has all its minutes, or that no source has more. The running day is in
    `rows`, `states` and `last_day` alone."""

    symbol = serializers.CharField()
    percent = serializers.FloatField()
    days_wanted = serializers.IntegerField()
    days_done = serializers.IntegerField()
    rows = serializers.IntegerField()
    conflict_rows = serializers.IntegerField()
    states = serializers.DictField(child=serializers.IntegerField())
    wanted_from = serializers.IntegerField()
    first_day = serializers.DateField(allow_null=True)
    last_day = serializers.DateField(allow_null=True)


class LiveOut(serializers.Serializer[LiveSymbol]):
    """What comes live of a tracked symbol; see `market.selectors.live.LiveSymbol`."""

    symbol = serializers.CharField()
    age_s = serializers.FloatField(allow_null=True)
    last_closed = serializers.IntegerField(allow_null=True)
    reconnects = serializers.IntegerField()
    rest_repairs = serializers.IntegerField()
    is_stale = serializers.BooleanField()


class CollectorOut(serializers.Serializer[Collector]):
    """A collector that is alive."""

    host = serializers.CharField()
    pid = serializers.IntegerField()
    started_at = MillisecondsField()
    seen_at = MillisecondsField()
    is_active = serializers.BooleanField()
    is_connected = serializers.BooleanField()
    connections = serializers.IntegerField()
    symbols = serializers.IntegerField()
    shards = serializers.SerializerMethodField()

    def get_shards(self, collector: Collector) -> list[int]:
        return [shard.number for shard in collector.shards.all()]


class CollectorWishOut(serializers.Serializer[CollectorWish]):
    """What is wanted of all collectors; `generation` counts the restarts that were wished for."""

    is_running = serializers.BooleanField()
    generation = serializers.IntegerField()
    updated_at = MillisecondsField()
