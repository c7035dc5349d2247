"""The parameters `from` and `to` of an address that answers a range of time."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from market.api.serializers import WholeNumberField
from market.domain.window import EARLIEST_MS, LATEST_MS, TimeWindow


class RangeQuery(serializers.Serializer[Any]):
    """`from` (inclusive) and `to` (exclusive), in milliseconds UTC; without them, everything."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is no name that a class body can give to a field.
        return {
            "from": WholeNumberField(least=EARLIEST_MS, greatest=LATEST_MS - 1, default=EARLIEST_MS),
            "to": WholeNumberField(least=EARLIEST_MS, greatest=LATEST_MS, default=LATEST_MS),
            **super().get_fields(),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["to"] < attrs["from"]:
            raise serializers.ValidationError({"to": "expected a moment that is not before `from`"})
        return attrs

    @property
    def window(self) -> TimeWindow:
        """The range of validated parameters."""
        return TimeWindow(self.validated_data["from"], self.validated_data["to"])

    @classmethod
    def window_of(cls, request: Request) -> TimeWindow:
        """The range that a request asks for; ValidationError with the parameter's name."""
        query = cls(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return query.window
