"""What the canvases' addresses look like from outside: a decorator for each method of the views, for the OpenAPI
document. Nothing here takes part in answering.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from drf_spectacular.utils import inline_serializer as inline
from rest_framework import serializers

from canvas.models import MAX_NAME, MAX_OWNER

TAG: Final = "canvases"
WHEN: Final = {
    400: "A parameter or a field is not what it has to be; the text begins with its name.",
    401: "It has to be known whose drawings these are (`ACCESS=token`), or the token is not known.",
    403: "The owner has as much as one owner may have, or the request comes from a page that may not write here.",
    404: "There is no such canvas.",
    408: "The body did not arrive in time.",
    411: "The body has no Content-Length.",
    412: "Somebody else has saved it meanwhile. The `ETag` is what is stored; nothing was changed.",
    413: "The body is longer than 2 MiB.",
    415: "The body is not declared in a form that is read here.",
    429: "Too many requests.",
    503: "The database, or the files of the drawings, are away for the moment.",
}


def name_schema(most: int, least: int = 1) -> dict[str, Any]:
    """A text without control characters."""
    schema: dict[str, Any] = {"type": "string", "maxLength": most, "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}
    return {**schema, "minLength": least} if least else schema


def query(name: str, description: str, *, required: bool = False, schema: Any = None) -> OpenApiParameter:
    """A parameter of the address."""
    schema = name_schema(MAX_NAME) if schema is None else schema
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, required=required, description=description)


def header(name: str, description: str, *statuses: int, schema: Any = OpenApiTypes.STR) -> OpenApiParameter:
    """A header of the request, or of the answers with these statuses."""
    return OpenApiParameter(
        name, schema, OpenApiParameter.HEADER, description=description, response=list(statuses) if statuses else False
    )


COMMON: Final = (
    header("Retry-After", "Seconds after which to try again.", 429, 503, schema=OpenApiTypes.INT),
    header("WWW-Authenticate", "How to say who asks.", 401),
)
ALWAYS: Final = (400, 401, 429, 503)
BODY: Final = (403, 408, 411, 413, 415, *ALWAYS)
OWNER: Final = header(
    "X-User-Id",
    "Whose drawings these are; `default` without it. An authenticated user is himself, whatever is said here.",
    schema=name_schema(MAX_OWNER),
)
IF_MATCH: Final = header("If-Match", 'Only if this version is stored: `"3"`; `*`: any. Otherwise 412.')
IF_NONE_MATCH: Final = header("If-None-Match", "`*`: only if there is none yet. Otherwise 412.")
SYMBOL: Final = query("symbol", "Whose chart; in any case.", required=True)
NAME: Final = query("name", "The canvas.", required=True)


@extend_schema_field({})
class Anything(serializers.JSONField):
    """Any JSON value."""


@extend_schema_field({"type": "boolean", "const": True})
class Yes(serializers.BooleanField):
    """Always true."""


@extend_schema_field({"type": "boolean", "const": False})
class No(serializers.BooleanField):
    """Always false."""


@extend_schema_field({"type": "null"})
class Nothing(serializers.Field[None, None, None, Any]):
    """Always null."""


@extend_schema_field(name_schema(MAX_NAME))
class Name(serializers.CharField):
    """A name that can be saved."""


class CanvasFailure(serializers.Serializer[Any]):
    """What every error answers."""

    success = No()
    data = Nothing()  # type: ignore[assignment]  # The protocol's name.
    error = serializers.CharField()


class CanvasItem(serializers.Serializer[Any]):
    """What is known of a canvas without loading it."""

    name = serializers.CharField()
    title = serializers.CharField()
    updated_at = serializers.IntegerField(help_text="Milliseconds UTC.")
    version = serializers.IntegerField()
    bytes = serializers.IntegerField()


class CanvasList(serializers.Serializer[Any]):
    """The canvases of a symbol, by name."""

    canvases = serializers.ListField(child=serializers.CharField())
    items = CanvasItem(many=True)


class CanvasSave(serializers.Serializer[Any]):
    """A new version of a canvas; `title` is for showing, the name where it is absent."""

    symbol = Name()
    name = Name()
    data = Anything(help_text="Comes back letter by letter.")  # type: ignore[assignment]  # The protocol's name.
    title = Name(required=False, allow_null=True)


class CanvasSaved(CanvasItem):
    """What was stored."""

    success = Yes()
    symbol = serializers.CharField()


def failures(*statuses: int, when: Mapping[int, str] | None = None) -> dict[int, OpenApiResponse]:
    """These statuses in the form of this API."""
    said = {**WHEN, **(when or {})}
    return {status: OpenApiResponse(CanvasFailure, description=said[status]) for status in statuses}


_DATA: Final = {"lines": [{"points": [[1709629800000, 66250.1]]}]}

listed = extend_schema(
    tags=[TAG],
    operation_id="canvas_list",
    summary="The canvases of a symbol",
    parameters=[OWNER, SYMBOL, *COMMON],
    responses={200: CanvasList, **failures(*ALWAYS)},
)
loaded = extend_schema(
    tags=[TAG],
    operation_id="canvas_load",
    summary="A canvas as it was saved",
    parameters=[
        OWNER,
        SYMBOL,
        NAME,
        header("If-None-Match", "A version that the client has already: 304 if it is still the newest."),
        header("ETag", "The version.", 200, 304),
        *COMMON,
    ],
    responses={
        200: OpenApiResponse(
            {"description": "Any JSON value, letter by letter."}, examples=[OpenApiExample("example", value=_DATA)]
        ),
        304: OpenApiResponse(None, description="The client has it already."),
        **failures(404, *ALWAYS),
    },
)
saved = extend_schema(
    tags=[TAG],
    operation_id="canvas_save",
    summary="Save a canvas",
    description="Makes a new version; the last twenty are kept.",
    parameters=[
        OWNER,
        IF_MATCH,
        IF_NONE_MATCH,
        header("ETag", "The version: the one that was saved, or the one that is stored.", 200, 412),
        *COMMON,
    ],
    request=CanvasSave,
    examples=[
        OpenApiExample("example", value={"symbol": "BTCUSDT", "name": "mine", "data": _DATA}, request_only=True),
    ],
    responses={200: CanvasSaved, **failures(412, *BODY)},
)
deleted = extend_schema(
    tags=[TAG],
    operation_id="canvas_delete",
    summary="Delete a canvas with all its versions",
    parameters=[
        OWNER,
        SYMBOL,
        NAME,
        IF_MATCH,
        header("ETag", "The version that is stored.", 412),
        *COMMON,
    ],
    responses={200: inline("CanvasDeleted", fields={"success": Yes()}), **failures(403, 404, 412, *ALWAYS)},
)
