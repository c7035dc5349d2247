"""/api/jobs: long pieces of work on a symbol, asked for and followed."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from market.access.authentication import user_of
from market.api.base import ApiView
from market.api.lookup import symbol_of
from market.api.schema import BODY, COMMON, READ, envelope, failures
from market.api.serializers import MillisecondsField, SymbolNameField, WordField
from market.models import Job
from market.selectors.jobs import jobs_of_symbol
from market.services.jobs import JobOpen, job_wish

# What the page of a symbol's data can ask for.
KINDS: Final = tuple(kind.value for kind in Job.Kind)
_ANYBODY: Final = "a visitor"


class JobQuery(serializers.Serializer[Any]):
    """Parameters of GET /api/jobs."""

    symbol = SymbolNameField()


class JobWish(serializers.Serializer[Any]):
    """Body of POST /api/jobs."""

    symbol = SymbolNameField()
    kind = WordField(words=KINDS)


class JobOut(serializers.Serializer[Job]):
    """A job. `steps` are months to go through, 0 until that is known; `text` says how far it is, then what came of it.
    Moments are milliseconds UTC."""

    id = serializers.IntegerField()
    symbol = serializers.CharField(source="symbol.name")
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=Job.State.values)
    is_open = serializers.BooleanField()
    steps = serializers.IntegerField()
    steps_done = serializers.IntegerField()
    text = serializers.CharField()
    wished_by = serializers.CharField()
    wished_at = MillisecondsField()
    started_at = MillisecondsField(allow_null=True)
    ended_at = MillisecondsField(allow_null=True)


class JobOpenAlready(APIException):
    """Another job on that symbol is not done yet."""

    status_code = 409


class JobsView(ApiView):
    """GET: the newest jobs of a symbol, newest first. POST: ask for one; a worker takes it within seconds."""

    @extend_schema(
        tags=["operation"],
        operation_id="jobs",
        summary="The newest jobs of a symbol, newest first",
        parameters=[JobQuery, *COMMON],
        responses={200: envelope("Jobs", JobOut(many=True)), **failures(400, 404, *READ)},
    )
    def get(self, request: Request) -> Response:
        query = JobQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        jobs = jobs_of_symbol(symbol_id=symbol_of(query.validated_data["symbol"]).id)
        return Response([JobOut(job).data for job in jobs], headers={"Cache-Control": "no-store"})

    @extend_schema(
        tags=["operation"],
        operation_id="job_wish",
        summary="Ask for a long piece of work on a symbol",
        description="`load` what is missing; `repair`: ask every source again for the gaps, settled ones too; `verify` "
        "the stored candles against the exchange; `correct`: verify, and put right what is found. One at a time a "
        "symbol.",
        parameters=[*COMMON],
        request=JobWish,
        responses={
            200: envelope("Job", JobOut()),
            **failures(404, 409, *BODY, when={409: "Another job on that symbol is not done yet."}),
        },
    )
    def post(self, request: Request) -> Response:
        wish = JobWish(data=request.data)
        wish.is_valid(raise_exception=True)
        user = user_of(request)
        try:
            job = job_wish(
                symbol=symbol_of(wish.validated_data["symbol"]),
                kind=Job.Kind(wish.validated_data["kind"]),
                wished_by=_ANYBODY if user is None else user.get_username(),
            )
        except JobOpen as error:
            raise JobOpenAlready(f"symbol: {error}") from None
        # Its moments are the database's.
        job.refresh_from_db()
        return Response(JobOut(job).data)
