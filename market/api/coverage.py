"""GET /api/coverage/{symbol}: what is stored of a symbol, day by day."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from market import caching
from market.api.base import ApiView
from market.api.lookup import symbol_of
from market.api.ranges import RangeQuery
from market.api.rendering import envelope
from market.api.schema import COMMON, CONDITIONAL, NOT_CHANGED, READ, SYMBOL, failures
from market.api.schema import envelope as body_of
from market.domain.source import DayState, Source
from market.selectors.coverage import Coverage, CoveredDay, coverage


class CoveredDayOut(serializers.Serializer[Any]):
    """One UTC day. `sources` counts the stored minutes by where they came from; `file` is an index into `files`."""

    day = serializers.DateField()
    state = serializers.ChoiceField(choices=[state.value for state in DayState])
    rows = serializers.IntegerField()
    expected = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    is_settled = serializers.BooleanField()
    sources = serializers.DictField(child=serializers.IntegerField())
    file = serializers.IntegerField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class HoleOut(serializers.Serializer[Any]):
    """Days in a row, both ends included, that lack minutes. `is_settled`: no source has them."""

    first_day = serializers.DateField()
    last_day = serializers.DateField()
    minutes = serializers.IntegerField()
    is_settled = serializers.BooleanField()


class CoverageTotalsOut(serializers.Serializer[Any]):
    """Sums over the days of the answer; first and last day of which anything is stored."""

    days = serializers.IntegerField()
    states = serializers.DictField(child=serializers.IntegerField())
    rows = serializers.IntegerField()
    expected = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    first_day = serializers.DateField(allow_null=True)
    last_day = serializers.DateField(allow_null=True)


class CoverageOut(serializers.Serializer[Any]):
    """What is stored of a symbol. `wanted_from` is where its history is to begin, in milliseconds; null where it is not
    tracked. `files` are paths of the archive."""

    symbol = serializers.CharField()
    wanted_from = serializers.IntegerField(allow_null=True)
    totals = CoverageTotalsOut()
    holes = HoleOut(many=True)
    files = serializers.ListField(child=serializers.CharField())
    days = CoveredDayOut(many=True)


class CoverageView(ApiView):
    """GET: the ledger of a symbol, oldest day first; every UTC day that shares an instant with [from, to)."""

    @extend_schema(
        tags=["candles"],
        operation_id="coverage",
        summary="What is stored of a symbol, day by day",
        parameters=[SYMBOL, RangeQuery, *CONDITIONAL, *COMMON],
        responses={200: body_of("Coverage", CoverageOut()), **NOT_CHANGED, **failures(400, 404, *READ)},
    )
    def get(self, request: Request, symbol: str) -> HttpResponseBase:
        window = RangeQuery.window_of(request)
        found = coverage(symbol=symbol_of(symbol.upper()), window=window, now=self.now())
        return caching.answer(request, envelope(coverage_dict(found)), caching.REVALIDATE)


def coverage_dict(found: Coverage) -> dict[str, Any]:
    """The coverage as `CoverageOut` describes it.

    A thousand days through a serializer would take longer than the query, and each path written out at every day of
    its month would double the answer.
    """
    files = {path: index for index, path in enumerate(dict.fromkeys(day.file for day in found.days if day.file))}
    stored = found.stored
    return {
        "symbol": found.symbol,
        "wanted_from": None if found.wanted is None else found.wanted.start,
        "totals": {
            "days": len(found.days),
            "states": {state.value: count for state, count in found.states.items()},
            "rows": sum(day.total for day in stored),
            "expected": sum(day.expected for day in found.days),
            "conflicts": sum(day.conflicts for day in found.days),
            "first_day": stored[0].day if stored else None,
            "last_day": stored[-1].day if stored else None,
        },
        "holes": [
            {
                "first_day": hole.first_day,
                "last_day": hole.last_day,
                "minutes": hole.minutes,
                "is_settled": hole.is_settled,
            }
            for hole in found.holes
        ],
        "files": list(files),
        "days": [_day_dict(day, files) for day in found.days],
    }


def _day_dict(day: CoveredDay, files: dict[str, int]) -> dict[str, Any]:
    return {
        "day": day.day,
        "state": day.state.value,
        "rows": day.total,
        "expected": day.expected,
        "conflicts": day.conflicts,
        "is_settled": day.is_settled,
        "sources": {_NAMES[source]: count for source, count in day.rows.items()},
        "file": None if day.file is None else files[day.file],
        "note": day.note,
    }


_NAMES = {source: source.name.lower() for source in Source}
