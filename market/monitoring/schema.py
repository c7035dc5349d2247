"""What /healthz, /readyz and /metrics look like from outside, for the OpenAPI document.

They are no views; `add_monitoring` gives the document's generator views that describe them and are never called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

Endpoint = tuple[str, str, str, Callable[..., Any]]

_TAG: Final = "probes"


class Alive(serializers.Serializer[Any]):
    """The process is there."""

    status = serializers.CharField()
    uptime_s = serializers.IntegerField()


class Check(serializers.Serializer[Any]):
    """One thing that was looked at, and what was found, in words."""

    name = serializers.CharField()
    is_ok = serializers.BooleanField()
    reason = serializers.CharField()
    milliseconds = serializers.IntegerField(help_text="How long it took to find out.")


class Ready(serializers.Serializer[Any]):
    """Whether requests can be served."""

    status = serializers.CharField()
    checks = Check(many=True)


class ProbeFailure(serializers.Serializer[Any]):
    """What was wrong with the request."""

    error = serializers.CharField()


class Described(APIView):
    """Describes an address and is never called."""

    renderer_classes = (JSONRenderer,)
    authentication_classes = ()
    permission_classes = ()


class HealthView(Described):
    """GET /healthz."""

    @extend_schema(tags=[_TAG], operation_id="healthz", summary="The process is alive", responses=Alive)
    def get(self, request: Request) -> None:
        """Only described."""


class ReadyView(Described):
    """GET /readyz."""

    @extend_schema(
        tags=[_TAG],
        operation_id="readyz",
        summary="Whether requests can be served: database, Redis, migrations, collectors",
        parameters=[
            OpenApiParameter("exclude", str, description="Checks that shall not count, with commas between them."),
            OpenApiParameter("Retry-After", int, OpenApiParameter.HEADER, description="Seconds.", response=[503]),
        ],
        responses={
            200: Ready,
            400: OpenApiResponse(ProbeFailure, description="There is no such check."),
            503: OpenApiResponse(Ready, description="A check has failed; its reason says why."),
        },
    )
    def get(self, request: Request) -> None:
        """Only described."""


class MetricsView(Described):
    """GET /metrics."""

    @extend_schema(
        tags=[_TAG],
        operation_id="metrics",
        summary="Figures for Prometheus",
        description="With `METRICS_TOKEN` set, `Authorization: Bearer` and that word are expected.",
        parameters=[
            OpenApiParameter("WWW-Authenticate", str, OpenApiParameter.HEADER, description="Bearer.", response=[401]),
        ],
        responses={
            (200, "text/plain"): OpenApiTypes.STR,
            401: OpenApiResponse(ProbeFailure, description="`METRICS_TOKEN` is expected."),
            403: OpenApiResponse(ProbeFailure, description="Closed: `ACCESS=token`, and no `METRICS_TOKEN` is set."),
        },
    )
    def get(self, request: Request) -> None:
        """Only described."""


_VIEWS: Final = {"/healthz": HealthView, "/readyz": ReadyView, "/metrics": MetricsView}


def add_monitoring(endpoints: list[Endpoint]) -> list[Endpoint]:
    """A hook of the document's generator: its endpoints and these."""
    return [*endpoints, *((path, path, "GET", view.as_view()) for path, view in _VIEWS.items())]
