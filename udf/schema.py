"""What the datafeed looks like from outside, for the OpenAPI document.

The views are plain ones, which the document's generator does not look at; `add_datafeed` gives it, for each address,
a view of the REST framework that describes it and is never called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from drf_spectacular.utils import inline_serializer as inline
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from udf.answers import (
    MARKS,
    TEXTS,
    Bars,
    DatafeedConfig,
    DatafeedFailure,
    Found,
    NoBars,
    Ok,
    QuotesField,
    SymbolInfo,
    SymbolTable,
)
from udf.instruments import EXCHANGE, TYPE
from udf.parameters import LATEST_SECONDS
from udf.payloads import MAX_BARS
from udf.resolutions import ACCEPTED
from udf.views import DEFAULT_FOUND, MAX_FOUND, MAX_QUOTES

Endpoint = tuple[str, str, str, Callable[..., Any]]

_TAG: Final = "datafeed (UDF)"
_WHEN: Final = {
    400: "A parameter is missing or not what it has to be; the text begins with its name.",
    401: "It has to be known who asks (`ACCESS=token`, `READS_NEED_TOKEN`).",
    429: "Too many requests.",
    503: "The database is away for the moment.",
}
_IN_ANY_CASE: Final = "^({})?$".format("".join(f"[{letter}{letter.lower()}]" for letter in EXCHANGE))


def parameter(
    name: str, description: str, schema: dict[str, Any] | OpenApiTypes = OpenApiTypes.STR, *, required: bool = False
) -> OpenApiParameter:
    """A parameter of the address."""
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, required=required, description=description)


def header(
    name: str, description: str, *statuses: int, schema: dict[str, Any] | OpenApiTypes = OpenApiTypes.STR
) -> OpenApiParameter:
    """A header of the answers with these statuses."""
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description, response=list(statuses))


def whole(least: int, greatest: int) -> dict[str, Any]:
    """A whole number."""
    return {"type": "integer", "format": "int64", "minimum": least, "maximum": greatest}


def either(name: str, *kinds: Any) -> PolymorphicProxySerializer:
    """One of these, or a failure (a name that is no symbol's has status 200)."""
    return PolymorphicProxySerializer(
        component_name=name, serializers=[*kinds, DatafeedFailure], resource_type_field_name=None
    )


def failures(*statuses: int) -> dict[int, OpenApiResponse]:
    """These statuses in the form of the datafeed."""
    return {status: OpenApiResponse(DatafeedFailure, description=_WHEN[status]) for status in statuses}


COMMON: Final = (
    header("Retry-After", "Seconds after which to try again.", 429, 503, schema=OpenApiTypes.INT),
    header("WWW-Authenticate", "How to say who asks.", 401),
)
TICKER: Final = parameter(
    "symbol",
    "`BTCUSDT` or `BINANCE:BTCUSDT`; with `#NV` or `#TBV` its net or taker-buy volume.",
    {"type": "string", "minLength": 1},
    required=True,
)
RESOLUTION: Final = parameter(
    "resolution", "TradingView's name of the timeframe.", {"type": "string", "enum": list(ACCEPTED)}, required=True
)
SECONDS: Final = whole(-LATEST_SECONDS, LATEST_SECONDS)


class Described(APIView):
    """Describes an address and is never called."""

    renderer_classes = (JSONRenderer,)


def described(
    name: str, summary: str, answer: Any, *parameters: OpenApiParameter, fails: tuple[int, ...] = (), more: str = ""
) -> type[Described]:
    """The description of /name."""
    operation = extend_schema(
        tags=[_TAG],
        operation_id=f"datafeed_{name.replace('-', '_')}",
        summary=summary,
        description=more,
        parameters=[*parameters, *COMMON],
        responses={**(answer if isinstance(answer, dict) else {200: answer}), **failures(401, 429, *fails)},
    )

    class View(Described):
        @operation
        def get(self, request: Request) -> None:
            """Only described."""

    return View


_HISTORY_EXAMPLE: Final = {
    "s": "ok",
    "t": [1709629800, 1709629860],
    "o": [66250.1, 66287.7],
    "h": [66301.0, 66310.2],
    "l": [66212.4, 66280.0],
    "c": [66287.7, 66300.5],
    "v": [312.418, 98.2],
    "nv": [27.586, -3.1],
    "tbv": [170.002, 47.55],
}
_VIEWS: Final = {
    "config": described("config", "What this datafeed can do", DatafeedConfig),
    "time": described(
        "time", "The server's time in seconds, as a bare number", {(200, "text/plain"): {"type": "integer"}}
    ),
    "symbols": described("symbols", "One instrument", either("SymbolInfoAnswer", SymbolInfo), TICKER, fails=(400, 503)),
    "symbol_info": described(
        "symbol_info",
        "Every symbol's price, by columns",
        SymbolTable,
        parameter("group", f"Nothing but `{EXCHANGE}`, in any case.", {"type": "string", "pattern": _IN_ANY_CASE}),
        fails=(400, 503),
    ),
    "search": described(
        "search",
        "The instruments that a text is found in",
        Found(many=True),
        parameter("query", "The text."),
        parameter("type", f"Anything but `{TYPE}` or nothing finds nothing."),
        parameter("exchange", f"Anything but `{EXCHANGE}` or nothing finds nothing."),
        parameter("limit", f"At most so many; {DEFAULT_FOUND} without it.", whole(1, MAX_FOUND)),
        fails=(400, 503),
    ),
    "history": described(
        "history",
        "Bars before `to`, oldest first, the forming one last",
        {
            200: OpenApiResponse(
                either("History", Bars, NoBars), examples=[OpenApiExample("bars", value=_HISTORY_EXAMPLE)]
            ),
            304: OpenApiResponse(None, description="The client has this page already."),
        },
        TICKER,
        RESOLUTION,
        parameter("from", "Seconds, inclusive; not looked at with `countback`.", SECONDS),
        parameter("to", "Seconds, exclusive; now without it.", SECONDS),
        parameter("countback", f"Exactly so many bars, or all there are; at most {MAX_BARS}.", whole(1, 10**9)),
        OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="A page that the client has."),
        header("ETag", "Of a page of closed bars.", 200, 304),
        header("Cache-Control", "A page of closed bars may be kept for a while.", 200, 304),
        fails=(400, 503),
        more="One of `from` and `countback` is needed. Times of daily, weekly and monthly bars are 00:00 UTC.",
    ),
    "tracked-symbols": described(
        "tracked-symbols", "The names of the symbols that are collected", {200: TEXTS}, fails=(503,)
    ),
    "daily-opens": described(
        "daily-opens",
        "The price at which the UTC day opened, by symbol",
        {200: {"type": "object", "additionalProperties": {"type": "number"}}},
        fails=(503,),
    ),
    "quotes": described(
        "quotes",
        "The day so far of each of the symbols",
        inline("Quotes", {"s": Ok(), "d": QuotesField()}),
        parameter(
            "symbols",
            f"1 to {MAX_QUOTES} names with commas between them.",
            {"type": "string", "pattern": "[^,]"},
            required=True,
        ),
        fails=(400, 503),
    ),
    "timescale_marks": described(
        "timescale_marks",
        "The known holes of a symbol's data",
        {200: MARKS},
        TICKER,
        RESOLUTION,
        parameter("from", "Seconds.", SECONDS),
        parameter("to", "Seconds.", SECONDS),
        fails=(400, 503),
    ),
}


def add_datafeed(endpoints: list[Endpoint]) -> list[Endpoint]:
    """A hook of the document's generator: its endpoints and the datafeed's."""
    return [*endpoints, *((f"/{name}", f"/{name}", "GET", view.as_view()) for name, view in _VIEWS.items())]
