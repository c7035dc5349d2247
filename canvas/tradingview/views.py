"""TradingView's storage protocol (version 1.1): where its charts keep layouts, templates and drawings.

`charts_storage_url` is this server, `charts_storage_api_version` is "1.1". Each request names a `client` (the widget's
client_id) and a `user` (its user_id). While access is open that is the owner, unless the header X-User-Id says
otherwise; once requests have users, the owner is who sends it, and `client` still tells his widgets apart. What comes
in `content` is opaque and comes back letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from canvas.api.base import CanvasView, document_text, member_of, owner_of
from canvas.api.bodies import JSONBody, MultipartBody, URLEncodedBody
from canvas.drawings import State, state_dict, state_of, state_of_symbol, state_read
from canvas.errors import Invalid, NotFound
from canvas.models import MAX_NAME, Document, Kind
from canvas.names import checked
from canvas.selectors import Key, chart_content, document_content, documents_list
from canvas.services import (
    Description,
    chart_create,
    chart_delete,
    chart_overwrite,
    document_delete,
    document_save,
    drawings_merge,
)
from canvas.tradingview import schema
from canvas.tradingview.errors import tradingview_errors

# As long as a 64-bit number can be.
_CHART_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class StorageView(CanvasView):
    """Forms and JSON in; the protocol's own errors."""

    parser_classes = (MultipartBody, URLEncodedBody, JSONBody)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return tradingview_errors

    def owner(self) -> str:
        return owner_of(self.request, stated=self.request.query_params.get("user"))

    def client(self) -> str:
        return self.parameter("client", least=0)

    def parameter(self, name: str, *, least: int = 1) -> str:
        """A parameter of the address; one that may be empty may be missing, too."""
        value = self.request.query_params.get(name)
        return checked(name, "" if value is None and least == 0 else value, most=MAX_NAME, least=least)

    def field(self, name: str, *, least: int = 1) -> str:
        """A field of the body; likewise."""
        value = member_of(self.request, name).value
        return checked(name, "" if value is None and least == 0 else value, most=MAX_NAME, least=least)


class ChartsView(StorageView):
    """Layouts. With `chart`, it is about the one with this id."""

    @schema.charts_get
    def get(self, request: Request) -> Response:
        owner, client, chart_id = self.owner(), self.client(), self.chart_id()
        if chart_id is None:
            charts = documents_list(owner=owner, kind=Kind.CHART, client=client).order_by("-updated_at", "-id")
            return ok(data=[_chart_item(chart) for chart in charts])
        chart, content = chart_content(owner=owner, client=client, chart_id=chart_id)
        item = {name: value for name, value in _chart_item(chart).items() if name in {"id", "name", "timestamp"}}
        return ok(data={**item, "content": content.decode()})

    @schema.charts_post
    def post(self, request: Request) -> Response:
        owner, client, chart_id = self.owner(), self.client(), self.chart_id()
        name, content = self.field("name"), document_text(request, "content")
        description = Description(
            title=name, symbol=self.field("symbol", least=0), resolution=self.field("resolution", least=0)
        )
        if chart_id is None:
            chart = chart_create(owner=owner, client=client, name=name, content=content, description=description)
            return ok(id=chart.id)
        chart_overwrite(
            owner=owner, client=client, chart_id=chart_id, name=name, content=content, description=description
        )
        return ok()

    @schema.charts_delete
    def delete(self, request: Request) -> Response:
        chart_id = self.chart_id()
        if chart_id is None:
            raise Invalid("chart", "is missing")
        chart_delete(owner=self.owner(), client=self.client(), chart_id=chart_id)
        return ok()

    def chart_id(self) -> int | None:
        """None where none is named. What cannot be an id is not one: NotFound."""
        text = self.request.query_params.get("chart")
        if text is None:
            return None
        if not _CHART_ID.fullmatch(text):
            raise NotFound("there is no such chart")
        return int(text)


class TemplatesView(StorageView):
    """Templates of one kind, by name. Without a name, GET lists them."""

    kind: ClassVar[Kind]

    def get(self, request: Request) -> Response:
        key = self.key(self.name(least=0))
        if not key.name:
            return ok(data=self.listed(key))
        _, content = document_content(key=key)
        return ok(data={"name": key.name, "content": content.decode()})

    def post(self, request: Request) -> Response:
        key = self.key(self.name())
        document_save(key=key, content=document_text(request, "content"), description=Description(title=key.name))
        return ok()

    def delete(self, request: Request) -> Response:
        document_delete(key=self.key(self.name()))
        return ok()

    def key(self, name: str) -> Key:
        return Key(owner=self.owner(), kind=self.kind, client=self.client(), scope=self.scope(), name=name)

    def scope(self) -> str:
        return ""

    def name(self, *, least: int = 1) -> str:
        """`template` in the address, or, of what is saved, `name` in the body."""
        if self.request.method == "POST" and "template" not in self.request.query_params:
            return self.field("name", least=least)
        return self.parameter("template", least=least)

    def listed(self, key: Key) -> list[Any]:
        return list(_names(key))


@schema.study_templates
class StudyTemplatesView(TemplatesView):
    """Sets of indicators."""

    kind = Kind.STUDY_TEMPLATE

    def listed(self, key: Key) -> list[Any]:
        return [{"name": name} for name in _names(key)]


@schema.chart_templates
class ChartTemplatesView(TemplatesView):
    """Colours of the main series. The library itself keeps them by an adapter only; this is what one can call."""

    kind = Kind.CHART_TEMPLATE


@schema.drawing_templates
class DrawingTemplatesView(TemplatesView):
    """Looks of a drawing tool, by tool and name, both in the address."""

    kind = Kind.DRAWING_TEMPLATE

    def scope(self) -> str:
        return self.parameter("tool")

    def name(self, *, least: int = 1) -> str:
        return self.parameter("name", least=least)


class DrawingsView(StorageView):
    """Drawings of a chart in a layout, kept apart from the layout."""

    @schema.drawings_get
    def get(self, request: Request) -> Response:
        try:
            _, content = document_content(key=self.key())
        except NotFound:
            # Nothing was drawn yet.
            state = State()
        else:
            state = state_read(content)
        symbol = request.query_params.get("symbol")
        return ok(data={"state": state_dict(state_of_symbol(state, symbol) if symbol else state)})

    @schema.drawings_post
    def post(self, request: Request) -> Response:
        drawings_merge(key=self.key(), change=state_of(member_of(request, "state").value))
        return ok()

    def key(self) -> Key:
        return Key(
            owner=self.owner(),
            kind=Kind.DRAWINGS,
            client=self.client(),
            scope=self.parameter("layout", least=0),
            name=self.parameter("chart"),
        )


class NothingHereView(StorageView):
    """Every other address below, with every method."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.check_throttles(request)
        raise Http404


def ok(**more: Any) -> Response:
    """A success in the form of this protocol."""
    return Response({"status": "ok", **more}, headers={"Cache-Control": "private, no-cache"})


def _chart_item(chart: Document) -> dict[str, Any]:
    return {
        "id": chart.id,
        "name": chart.name,
        "symbol": chart.symbol,
        "resolution": chart.resolution,
        "timestamp": int(chart.updated_at.timestamp()),
    }


def _names(key: Key) -> list[str]:
    listed = documents_list(owner=key.owner, kind=key.kind, scope=key.scope, client=key.client)
    return list(listed.values_list("name", flat=True))
