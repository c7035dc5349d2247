"""How this API is put into the OpenAPI document: envelopes, failures, headers, the fields of our own.

Nothing here takes part in answering. The serializers of this package say what goes in and out; tests send requests that
are made from the document to a running server and hold every answer against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema_field
from drf_spectacular.utils import inline_serializer as inline
from rest_framework import serializers

from market.api.serializers import (
    IntervalField,
    MillisecondsField,
    StepField,
    SymbolNameField,
    WholeNumberField,
    WordField,
)
from market.domain.interval import Interval
from market.domain.names import MAX_NAME

Schema = dict[str, Any]

# What every operation can answer, what those that write can, and what those with a body can.
ALWAYS: Final = (401, 406, 429)
READ: Final = (*ALWAYS, 503)
WRITE: Final = (403, *READ)
BODY: Final = (400, 408, 411, 413, 415, *WRITE)
_WHEN: Final = {
    400: "A parameter or a field is not what it has to be; the text begins with its name.",
    401: "It has to be known who asks (`ACCESS=token`), or the token is not known.",
    403: "The request comes from a page that may not write here.",
    404: "The symbol is not known.",
    406: "The client accepts no JSON.",
    408: "The body did not arrive in time.",
    411: "The body has no Content-Length.",
    413: "The body is too long.",
    415: "The body is not declared as application/json.",
    422: "The exchange does not list the symbol.",
    429: "Too many requests.",
    503: "The database, or the exchange's list, is away for the moment.",
}
_TOLD: Final = {
    400: "limit: expected a whole number from 1 to 20000, not '0'",
    404: "symbol: 'NOPEUSDT' is not known",
    422: "symbol: NOPEUSDT is not listed by the exchange",
    503: "the database does not answer; try again in a moment",
}


class WholeNumbers(OpenApiSerializerFieldExtension):
    """Also in an address, where it is written in digits."""

    target_class = WholeNumberField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "integer", "format": "int64", "minimum": self.target.least, "maximum": self.target.greatest}


class Intervals(OpenApiSerializerFieldExtension):
    """All eight."""

    target_class = IntervalField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "string", "enum": [interval.value for interval in Interval]}


class SymbolNames(OpenApiSerializerFieldExtension):
    """In any case."""

    target_class = SymbolNameField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return NAME


class Words(OpenApiSerializerFieldExtension):
    """One of a few."""

    target_class = WordField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "string", "enum": list(self.target.words)}


class Moments(OpenApiSerializerFieldExtension):
    """Milliseconds UTC."""

    target_class = MillisecondsField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "integer", "format": "int64", "description": "Milliseconds UTC."}


class Steps(OpenApiSerializerFieldExtension):
    """A decimal as text."""

    target_class = StepField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}


NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}


@extend_schema_field({"type": "boolean", "const": True})
class Yes(serializers.BooleanField):
    """Always true."""


@extend_schema_field({"type": "boolean", "const": False})
class No(serializers.BooleanField):
    """Always false."""


@extend_schema_field({"type": "null"})
class Nothing(serializers.Field[None, None, None, Any]):
    """Always null."""


class Failure(serializers.Serializer[Any]):
    """What every error answers."""

    success = No()
    data = Nothing()  # type: ignore[assignment]  # The protocol's name.
    error = serializers.CharField()


def envelope(name: str, data: serializers.Field[Any, Any, Any, Any]) -> Any:
    """The success around `data`, as a component of that name."""
    return inline(name, fields={"success": Yes(), "data": data, "error": Nothing()})


def success(example: object, serializer: Any) -> OpenApiResponse:
    """Status 200 with an example of the data."""
    body = {"success": True, "data": example, "error": None}
    return OpenApiResponse(serializer, examples=[OpenApiExample("example", value=body)])


def failures(*statuses: int, when: Mapping[int, str] | None = None) -> dict[int, OpenApiResponse]:
    """These statuses as envelopes; `when` says of some what they mean here."""
    said = {**_WHEN, **(when or {})}
    return {status: _failure(status, said[status]) for status in statuses}


def _failure(status: int, description: str) -> OpenApiResponse:
    body = {"success": False, "data": None, "error": _TOLD.get(status, "")}
    examples = [OpenApiExample("example", value=body)] if body["error"] else []
    return OpenApiResponse(Failure, description=description, examples=examples)


def header(name: str, description: str, *statuses: int, schema: Any = OpenApiTypes.STR) -> OpenApiParameter:
    """A header of the answers with these statuses."""
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description, response=list(statuses))


COMMON: Final = (
    header("Retry-After", "Seconds after which to try again.", 429, 503, schema=OpenApiTypes.INT),
    header("WWW-Authenticate", "How to say who asks.", 401),
)
SYMBOL: Final = OpenApiParameter(
    "symbol", NAME, OpenApiParameter.PATH, description="A name in any case, such as `BTCUSDT`."
)
NOT_CHANGED: Final = {304: OpenApiResponse(None, description="The client has this answer already.")}
CONDITIONAL: Final = (
    OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of an answer one has."),
    header("ETag", "Of the answer's bytes.", 200, 304),
    header("Cache-Control", "How long the answer may be kept, and by whom.", 200, 304),
)
