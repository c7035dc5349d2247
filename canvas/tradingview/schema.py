"""What TradingView's storage protocol looks like from outside, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from drf_spectacular.utils import inline_serializer as inline
from rest_framework import serializers

from canvas.api.schema import ALWAYS, BODY, COMMON, OWNER, WHEN, Anything, name_schema, query
from canvas.models import MAX_NAME, MAX_OWNER

F = TypeVar("F", bound=Callable[..., Any])

TAG: Final = "TradingView storage"
_MAYBE: Final = name_schema(MAX_NAME, least=0)
_MESSAGE: Final = "A failure that a user can meet (it was deleted in another tab, a limit) has status 200, too."
WHO: Final = (
    query("client", "The widget's `client_id`.", schema=_MAYBE),
    query("user", "The widget's `user_id`: the owner.", schema=name_schema(MAX_OWNER)),
    OWNER,
)


@extend_schema_field({"type": "string", "const": "ok"})
class Ok(serializers.CharField):
    """Always ok."""


@extend_schema_field({"type": "string", "const": "error"})
class Error(serializers.CharField):
    """Always error."""


@extend_schema_field(_MAYBE)
class MaybeName(serializers.CharField):
    """A text that may be empty."""


@extend_schema_field(name_schema(MAX_NAME))
class Name(serializers.CharField):
    """A text that must not be empty."""


class StorageFailure(serializers.Serializer[Any]):
    """What every error answers; the client shows the message."""

    status = Error()
    message = serializers.CharField()


class StorageDone(serializers.Serializer[Any]):
    """It is done."""

    status = Ok()


class ChartSaved(StorageDone):
    """A layout is saved."""

    id = serializers.IntegerField(required=False, help_text="Of a new one.")


class ChartBody(serializers.Serializer[Any]):
    """A layout."""

    name = Name()
    content = serializers.CharField(help_text="Opaque; comes back letter by letter.")
    symbol = MaybeName(required=False)
    resolution = MaybeName(required=False)


class TemplateBody(serializers.Serializer[Any]):
    """A template."""

    name = Name(required=False, help_text="Unless the address names it.")
    content = serializers.CharField(help_text="Opaque; comes back letter by letter.")


class NamedTemplateBody(serializers.Serializer[Any]):
    """A template that the address names."""

    content = serializers.CharField(help_text="Opaque; comes back letter by letter.")


class DrawingsBody(serializers.Serializer[Any]):
    """A change: an id with null is deleted, any other is added or replaced, all others stay."""

    state = Anything(help_text="An object with `sources` and `groups`, each a map from ids; or the same as JSON text.")


class ChartItem(serializers.Serializer[Any]):
    """A layout in a list."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    symbol = serializers.CharField()
    resolution = serializers.CharField()
    timestamp = serializers.IntegerField(help_text="Seconds UTC of the last save.")


class ChartContent(serializers.Serializer[Any]):
    """A layout."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    timestamp = serializers.IntegerField(help_text="Seconds UTC of the last save.")
    content = serializers.CharField()


class TemplateContent(serializers.Serializer[Any]):
    """A template."""

    name = serializers.CharField()
    content = serializers.CharField()


class TemplateName(serializers.Serializer[Any]):
    """A template in a list."""

    name = serializers.CharField()


class DrawingsState(serializers.Serializer[Any]):
    """Drawings and groups by id."""

    sources = serializers.DictField(child=serializers.DictField())
    groups = serializers.DictField(child=serializers.DictField())


def found(name: str, *data: serializers.Field[Any, Any, Any, Any]) -> Any:
    """One of these as data, or a failure."""
    kinds = [inline(f"{name}{number or ''}", {"status": Ok(), "data": one}) for number, one in enumerate(data)]
    return _either(name, *kinds)


def _either(name: str, *kinds: Any) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(
        component_name=f"{name}Answer", serializers=[*kinds, StorageFailure], resource_type_field_name=None
    )


DONE: Final = _either("Done", StorageDone)


def failures(*statuses: int) -> dict[int, OpenApiResponse]:
    """These statuses in the form of this protocol."""
    return {status: OpenApiResponse(StorageFailure, description=WHEN[status]) for status in statuses}


def reads(name: str, summary: str, *parameters: OpenApiParameter, answer: Any) -> Callable[[F], F]:
    """A GET."""
    return extend_schema(
        tags=[TAG],
        operation_id=f"storage_{name}",
        summary=summary,
        description=_MESSAGE,
        parameters=[*WHO, *parameters, *COMMON],
        responses={200: answer, **failures(*ALWAYS)},
    )


def writes(name: str, summary: str, *parameters: OpenApiParameter, body: Any, answer: Any = DONE) -> Callable[[F], F]:
    """A POST: a form of either kind, or JSON."""
    forms = ("multipart/form-data", "application/x-www-form-urlencoded", "application/json")
    return extend_schema(
        tags=[TAG],
        operation_id=f"storage_{name}",
        summary=summary,
        description=_MESSAGE,
        parameters=[*WHO, *parameters, *COMMON],
        request=dict.fromkeys(forms, body),
        responses={200: answer, **failures(*BODY)},
    )


def removes(name: str, summary: str, *parameters: OpenApiParameter) -> Callable[[F], F]:
    """A DELETE."""
    return extend_schema(
        tags=[TAG],
        operation_id=f"storage_{name}",
        summary=summary,
        description=_MESSAGE,
        parameters=[*WHO, *parameters, *COMMON],
        responses={200: DONE, **failures(403, *ALWAYS)},
    )


_CHART: Final = "The layout's id."
_ANY_TEXT: Final = OpenApiTypes.STR
_SAVED: Final = OpenApiResponse(
    _either("ChartSaved", ChartSaved), examples=[OpenApiExample("created", value={"status": "ok", "id": 7})]
)

charts_get = reads(
    "charts",
    "The layouts, or with `chart` one of them",
    query("chart", _CHART, schema=_ANY_TEXT),
    answer=found("Charts", ChartItem(many=True), ChartContent()),
)
charts_post = writes(
    "chart_save",
    "Save a layout: a new one, or with `chart` that one",
    query("chart", _CHART, schema=_ANY_TEXT),
    body=ChartBody,
    answer=_SAVED,
)
charts_delete = removes("chart_delete", "Delete a layout", query("chart", _CHART, required=True, schema=_ANY_TEXT))

_TEMPLATE: Final = query("template", "The template's name.", schema=_MAYBE)
_NEEDED_TEMPLATE: Final = query("template", "The template's name.", required=True)
_MAYBE_TEMPLATE: Final = query("template", "The template's name, unless the body has it.")

_study_templates_get = reads(
    "study_templates",
    "The sets of indicators, or with `template` one of them",
    _TEMPLATE,
    answer=found("StudyTemplates", TemplateName(many=True), TemplateContent()),
)
_study_templates_post = writes("study_template_save", "Save a set of indicators", _MAYBE_TEMPLATE, body=TemplateBody)
_study_templates_delete = removes("study_template_delete", "Delete a set of indicators", _NEEDED_TEMPLATE)
study_templates = extend_schema_view(
    get=_study_templates_get, post=_study_templates_post, delete=_study_templates_delete
)

_NAMES: Final = serializers.ListField(child=serializers.CharField())

_chart_templates_get = reads(
    "chart_templates",
    "The colour schemes, or with `template` one of them",
    _TEMPLATE,
    answer=found("ChartTemplates", _NAMES, TemplateContent()),
)
_chart_templates_post = writes("chart_template_save", "Save a colour scheme", _MAYBE_TEMPLATE, body=TemplateBody)
_chart_templates_delete = removes("chart_template_delete", "Delete a colour scheme", _NEEDED_TEMPLATE)
chart_templates = extend_schema_view(
    get=_chart_templates_get, post=_chart_templates_post, delete=_chart_templates_delete
)

_TOOL: Final = query("tool", "The drawing tool.", required=True)

_drawing_templates_get = reads(
    "drawing_templates",
    "The looks of a drawing tool, or with `name` one of them",
    _TOOL,
    query("name", "The look.", schema=_MAYBE),
    answer=found("DrawingTemplates", _NAMES, TemplateContent()),
)
_drawing_templates_post = writes(
    "drawing_template_save",
    "Save a look of a drawing tool",
    _TOOL,
    query("name", "The look.", required=True),
    body=NamedTemplateBody,
)
_drawing_templates_delete = removes(
    "drawing_template_delete", "Delete a look of a drawing tool", _TOOL, query("name", "The look.", required=True)
)
drawing_templates = extend_schema_view(
    get=_drawing_templates_get, post=_drawing_templates_post, delete=_drawing_templates_delete
)

_PLACE: Final = (
    query("layout", "The layout's id.", schema=_MAYBE),
    query("chart", "The chart in the layout.", required=True),
)

drawings_get = reads(
    "drawings",
    "The drawings of a chart in a layout",
    *_PLACE,
    query("symbol", "Only what belongs to this symbol, or to none.", schema=_ANY_TEXT),
    answer=found("Drawings", inline("DrawingsFound", {"state": DrawingsState()})),
)
drawings_post = writes("drawings_save", "Change the drawings of a chart in a layout", *_PLACE, body=DrawingsBody)
