"""GET /api/export/{symbol}: a symbol's candles as a file."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Final

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from market.api.base import ApiView
from market.api.errors import Busy
from market.api.lookup import symbol_id_of
from market.api.ranges import RangeQuery
from market.api.schema import COMMON, SYMBOL, failures, header
from market.api.serializers import IntervalField, WordField
from market.domain.interval import Interval
from market.exporting import Format, encoded, file_name
from market.selectors.export import candles_export

# How many exports one process makes at the same time. Each part of one takes a thread and a core for some 50 ms.
MAX_EXPORTS: Final = 2
_RETRY_SECONDS: Final = 10


class ExportQuery(RangeQuery):
    """Parameters of GET /api/export/{symbol}."""

    interval = IntervalField(default=Interval.M1)
    format = WordField(words=[one.value for one in Format], default=Format.CSV.value)


class FirstRenderer(BaseContentNegotiation):
    """What a client accepts says nothing: `format` does, which the framework would take for a renderer's name."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


_FILE_NAME: Final = header("Content-Disposition", "What the file is called.", 200)


class ExportView(ApiView):
    """GET: the closed bars that open inside [from, to) as one file, which is made while it is sent.

    A file that could not be finished ends without its end: the connection is cut inside the chunked body.
    """

    content_negotiation_class = FirstRenderer

    @extend_schema(
        tags=["candles"],
        operation_id="export",
        summary="A symbol's closed bars as a file",
        description="Those that open inside [from, to), made while they are sent. Columns: time (open time, "
        "milliseconds UTC), open, high, low, close, volume, quote_volume, taker_buy_volume, taker_buy_quote_volume "
        "(float64), trade_count (int64). A file that could not be finished is cut: its chunked body has no end.",
        parameters=[SYMBOL, ExportQuery, *COMMON, _FILE_NAME],
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, Format.PARQUET.media_type): OpenApiTypes.BINARY,
            **failures(400, 401, 404, 429, 503, when={503: "The database is away, or too many exports are running."}),
        },
    )
    def get(self, request: Request, symbol: str) -> HttpResponseBase:
        query = ExportQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        interval: Interval = query.validated_data["interval"]
        file_format = Format(query.validated_data["format"])
        name = symbol.upper()
        pages = candles_export(symbol_id=symbol_id_of(name), interval=interval, window=query.window, now=self.now())
        parts = encoded(pages, symbol=name, interval=interval, file_format=file_format)
        disposition = content_disposition_header(True, file_name(name, interval, file_format))
        return StreamingHttpResponse(
            Running(parts),
            content_type=file_format.media_type,
            headers={"Content-Disposition": disposition or "attachment", "Cache-Control": "no-store"},
        )


_running = threading.BoundedSemaphore(MAX_EXPORTS)


class Running:
    """The parts of an export, as one of the few that may run at a time; Busy if there are so many already.

    It counts until it is closed, which whoever serves it does in any case.
    """

    def __init__(self, parts: Iterator[bytes]) -> None:
        if not _running.acquire(blocking=False):
            raise Busy(f"{MAX_EXPORTS} exports are running, and no more can at a time", _RETRY_SECONDS)
        self._parts = parts
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._parts)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            _running.release()
