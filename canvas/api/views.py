"""Canvases: what KlineChart pages draw and save, by symbol and name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from canvas.api import schema
from canvas.api.base import CanvasView, member_of, owner_of
from canvas.api.bodies import JSONBody
from canvas.api.errors import canvas_errors
from canvas.conditions import Condition, condition_of, is_known, tag_of
from canvas.errors import Invalid
from canvas.models import MAX_NAME, Document, Kind
from canvas.names import checked, symbol_of
from canvas.selectors import Key, document_content, documents_list
from canvas.services import Description, document_delete, document_save


class PlainView(CanvasView):
    """JSON in, JSON out."""

    parser_classes = (JSONBody,)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return canvas_errors


class ListView(PlainView):
    """GET: the canvases of a symbol, by name."""

    @schema.listed
    def get(self, request: Request) -> Response:
        symbol = symbol_of(request.query_params.get("symbol"), most=MAX_NAME)
        items = [item_of(canvas) for canvas in documents_list(owner=owner_of(request), kind=Kind.CANVAS, scope=symbol)]
        return Response({"canvases": [item["name"] for item in items], "items": items})


class LoadView(PlainView):
    """GET: a canvas as it was saved. Its version is the ETag."""

    @schema.loaded
    def get(self, request: Request) -> Response:
        canvas, content = document_content(key=key_of_query(request))
        # The tag does not say whose canvas it is: a browser's copy would be confirmed for the next one who asks there,
        # if his has the same version. Who holds a version says so by himself.
        headers = {"ETag": tag_of(canvas.version), "Cache-Control": "private, no-store"}
        if is_known(canvas.version, request.META.get("HTTP_IF_NONE_MATCH")):
            return Response(status=304, headers=headers)
        return Response(content, headers=headers)


class SaveView(PlainView):
    """POST: a new version of a canvas. `title` is for showing; without it, it is the name."""

    @schema.saved
    def post(self, request: Request) -> Response:
        key = key_of(request, member_of(request, "symbol").value, member_of(request, "name").value)
        title = member_of(request, "title").value
        data = member_of(request, "data").text
        if not data:
            raise Invalid("data", "is missing")
        canvas = document_save(
            key=key,
            content=data.encode(),
            description=Description(title=key.name if title is None else checked("title", title, most=MAX_NAME)),
            condition=_condition(request),
        )
        body = {"success": True, "symbol": key.scope, **item_of(canvas)}
        return Response(body, headers={"ETag": tag_of(canvas.version)})


class DeleteView(PlainView):
    """DELETE: a canvas with all its versions."""

    @schema.deleted
    def delete(self, request: Request) -> Response:
        document_delete(key=key_of_query(request), condition=_condition(request))
        return Response({"success": True})


class NothingHereView(PlainView):
    """Every other address below, with every method."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.check_throttles(request)
        raise Http404


def key_of(request: Request, symbol: object, name: object) -> Key:
    """A canvas of the one who asks. Raises Invalid."""
    return Key(
        owner=owner_of(request),
        kind=Kind.CANVAS,
        scope=symbol_of(symbol, most=MAX_NAME),
        name=checked("name", name, most=MAX_NAME),
    )


def key_of_query(request: Request) -> Key:
    """The canvas that the address names. Raises Invalid."""
    return key_of(request, request.query_params.get("symbol"), request.query_params.get("name"))


def item_of(canvas: Document) -> dict[str, Any]:
    """What a list says of a canvas; `updated_at` in milliseconds UTC."""
    return {
        "name": canvas.name,
        "title": canvas.title,
        "updated_at": int(canvas.updated_at.timestamp() * 1000),
        "version": canvas.version,
        "bytes": canvas.bytes,
    }


def _condition(request: Request) -> Condition:
    return condition_of(
        if_match=request.META.get("HTTP_IF_MATCH"), if_none_match=request.META.get("HTTP_IF_NONE_MATCH")
    )
