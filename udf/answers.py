"""The bodies that the datafeed answers with, as the OpenAPI document tells of them."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from drf_spectacular.utils import inline_serializer as inline
from rest_framework import serializers

from udf.payloads import MAX_BARS
from udf.resolutions import SUPPORTED

TEXTS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string"}}
_RESOLUTIONS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string", "enum": list(SUPPORTED)}}


def constant(value: object) -> dict[str, Any]:
    """A field of one value."""
    return {"const": value}


@extend_schema_field(constant("ok"))
class Ok(serializers.CharField):
    """Always ok."""


@extend_schema_field(constant("error"))
class Error(serializers.CharField):
    """Always error."""


@extend_schema_field(constant("no_data"))
class NoData(serializers.CharField):
    """Always no_data."""


@extend_schema_field(TEXTS)
class Texts(serializers.ListField):
    """Several texts."""


@extend_schema_field(_RESOLUTIONS)
class Resolutions(serializers.ListField):
    """TradingView's names of timeframes."""


class Numbers(serializers.ListField):
    """One number for each bar."""

    child = serializers.FloatField()


class Integers(serializers.ListField):
    """One whole number for each entry."""

    child = serializers.IntegerField()


class DatafeedFailure(serializers.Serializer[Any]):
    """What every failure answers. The client reads it whatever the status is."""

    s = Error()
    errmsg = serializers.CharField()


class DatafeedConfig(serializers.Serializer[Any]):
    """What this datafeed can do."""

    supports_search = serializers.BooleanField()
    supports_group_request = serializers.BooleanField()
    supports_time = serializers.BooleanField()
    supports_marks = serializers.BooleanField()
    supports_timescale_marks = serializers.BooleanField()
    supported_resolutions = Resolutions()
    exchanges = inline(
        "DatafeedExchange", {name: serializers.CharField() for name in ("value", "name", "desc")}, many=True
    )
    symbols_types = inline(
        "DatafeedSymbolType", {name: serializers.CharField(allow_blank=True) for name in ("name", "value")}, many=True
    )
    max_bars = serializers.IntegerField()


class SymbolInfo(serializers.Serializer[Any]):
    """One instrument. A price step is `minmov / pricescale`."""

    name = serializers.CharField()
    ticker = serializers.CharField()
    description = serializers.CharField()
    type = serializers.CharField()
    exchange = serializers.CharField()
    listed_exchange = serializers.CharField()
    session = serializers.CharField()
    timezone = serializers.CharField()
    format = serializers.CharField()
    pricescale = serializers.IntegerField(min_value=1)
    minmov = serializers.IntegerField(min_value=1)
    has_intraday = serializers.BooleanField()
    intraday_multipliers = Texts()
    has_daily = serializers.BooleanField()
    has_weekly_and_monthly = serializers.BooleanField()
    supported_resolutions = Resolutions()
    visible_plots_set = serializers.ChoiceField(["ohlcv", "c"])
    volume_precision = serializers.IntegerField(min_value=0)
    data_status = serializers.CharField()
    currency_code = serializers.CharField(required=False)


_ONE_EACH: Final = ("symbol", "ticker", "description", "currency-code")
_NUMBER_EACH: Final = ("pricescale", "minmovement", "volume-precision")
_FOR_ALL: Final = ("exchange-listed", "exchange-traded", "type", "session-regular", "timezone", "visible-plots-set")
SymbolTable: Final = inline(
    "SymbolTable",
    {
        **{name: Texts() for name in _ONE_EACH},
        **{name: Integers() for name in _NUMBER_EACH},
        **{name: serializers.CharField() for name in _FOR_ALL},
        **{name: serializers.BooleanField() for name in ("has-intraday", "has-daily", "has-weekly-and-monthly")},
        "intraday-multipliers": Texts(),
        "supported-resolutions": Resolutions(),
    },
)


class Found(serializers.Serializer[Any]):
    """An instrument that was found."""

    symbol = serializers.CharField()
    ticker = serializers.CharField()
    full_name = serializers.CharField()
    description = serializers.CharField()
    exchange = serializers.CharField()
    type = serializers.CharField()


class Bars(serializers.Serializer[Any]):
    """One bar or more, oldest first: open times in seconds, prices, volume, net volume, taker-buy volume."""

    s = Ok()
    t = Integers(min_length=1, max_length=MAX_BARS)
    o = Numbers()
    h = Numbers()
    l = Numbers()  # noqa: E741 (the protocol's name)
    c = Numbers()
    v = Numbers()
    nv = Numbers()
    tbv = Numbers()


class NoBars(serializers.Serializer[Any]):
    """Nothing exists before `to`."""

    s = NoData()


class QuoteValues(serializers.Serializer[Any]):
    """The day so far."""

    lp = serializers.FloatField(help_text="Last price.")
    ch = serializers.FloatField(help_text="Change since the close of the day before.")
    chp = serializers.FloatField(help_text="The same in percent.")
    open_price = serializers.FloatField()
    high_price = serializers.FloatField()
    low_price = serializers.FloatField()
    prev_close_price = serializers.FloatField()
    volume = serializers.FloatField()
    short_name = serializers.CharField()
    original_name = serializers.CharField()
    exchange = serializers.CharField()
    description = serializers.CharField()


class Quote(serializers.Serializer[Any]):
    """One symbol's day."""

    s = Ok()
    n = serializers.CharField()
    v = QuoteValues()


@extend_schema_field({"type": "object", "maxProperties": 0})
class Empty(serializers.DictField):
    """An empty object."""


class NoQuote(serializers.Serializer[Any]):
    """A name that has no quote."""

    s = Error()
    n = serializers.CharField()
    errmsg = serializers.CharField()
    v = Empty()


@extend_schema_field(
    PolymorphicProxySerializer("QuoteOrNot", serializers=[Quote, NoQuote], resource_type_field_name=None, many=True)
)
class QuotesField(serializers.ListField):
    """In the order in which they were asked for."""


_MARK: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A known hole: red is nowhere to be had, yellow is still to load.",
    "properties": {
        "id": {"type": "string"},
        "time": {"type": "integer", "description": "Seconds: the bar of the first day."},
        "color": {"enum": ["red", "yellow"]},
        "label": {"type": "string"},
        "tooltip": TEXTS,
    },
    "required": ["id", "time", "color", "label", "tooltip"],
}
# A list or a failure; the generator cannot put a list of a component beside another one.
MARKS: Final[dict[str, Any]] = {
    "oneOf": [
        {"type": "array", "items": _MARK},
        {
            "type": "object",
            "properties": {"s": constant("error"), "errmsg": {"type": "string"}},
            "required": ["s", "errmsg"],
        },
    ]
}
