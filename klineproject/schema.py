"""The OpenAPI document of every HTTP endpoint, at /api/schema, and its page, at /api/docs."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from django.http import HttpResponseBase
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from market import caching
from market.api.base import ApiView
from market.api.rendering import EnvelopeRenderer
from market.api.schema import COMMON, failures, header

_TYPES: Final = {"json": "application/json", "yaml": "application/yaml"}


class SchemaView(ApiView):
    """The document itself. It is the same for everybody, and as long as the process lives."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        # The parameter `format` is this view's own; the framework would look for a renderer of that name.
        return EnvelopeRenderer(), EnvelopeRenderer.media_type

    @extend_schema(
        tags=["operation"],
        operation_id="schema",
        summary="This document",
        parameters=[
            OpenApiParameter("format", str, enum=list(_TYPES), description="JSON, unless YAML is asked for."),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="A document one has."),
            header("ETag", "Of the document.", 200, 304),
            *COMMON,
        ],
        responses={
            (200, _TYPES["json"]): OpenApiTypes.OBJECT,
            (200, _TYPES["yaml"]): OpenApiTypes.OBJECT,
            304: OpenApiResponse(None, description="The client has it already."),
            **failures(400, 401, 429),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        kind = request.query_params.get("format", "json")
        if kind not in _TYPES:
            raise ValidationError({"format": f"expected one of {', '.join(_TYPES)}, not {reprlib.repr(kind)}"})
        return caching.answer(request, _document(kind), caching.REVALIDATE, content_type=_TYPES[kind])


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI, from installed files alone; its script is apart from the page, so that no policy has to allow inline
    ones."""

    url_name = "schema"
    http_method_names = ("get", "head")

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        # A page's errors are pages; the project's handler makes envelopes.
        return exception_handler


@cache
def _document(kind: str) -> bytes:
    renderer = OpenApiYamlRenderer() if kind == "yaml" else OpenApiJsonRenderer()
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return renderer.render(document, renderer_context={})
