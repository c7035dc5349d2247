"""Reading the parameters of a request. What is empty counts as absent, for clients send ``type=&exchange=``."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import Final

from django.http import QueryDict

from market.domain.interval import Interval
from market.domain.window import LATEST_MS
from udf.errors import BadParameter
from udf.resolutions import interval_of

# int() itself takes more: spaces, underscores, the digits of all scripts.
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
# Charts ask for times before 1970 when they are scrolled far back.
LATEST_SECONDS: Final = LATEST_MS // 1_000


class Parameters:
    """The parameters of one request; each method raises BadParameter."""

    def __init__(self, query: QueryDict | Mapping[str, str]) -> None:
        self._query = query

    def text(self, name: str) -> str:
        """The text, or an empty one."""
        return self._query.get(name) or ""

    def required(self, name: str) -> str:
        """A text that must be there."""
        found = self.text(name)
        if not found:
            raise BadParameter(name, "expected, and missing")
        return found

    def number(self, name: str, *, least: int, greatest: int) -> int | None:
        """A whole number in decimal digits, or None."""
        text = self.text(name)
        if not text:
            return None
        number = int(text) if _WHOLE_NUMBER.fullmatch(text) else None
        if number is None or not least <= number <= greatest:
            raise BadParameter(name, f"expected a whole number from {least} to {greatest}, not {reprlib.repr(text)}")
        return number

    def moment(self, name: str) -> int | None:
        """Seconds as milliseconds UTC, nothing before 1970; or None."""
        seconds = self.number(name, least=-LATEST_SECONDS, greatest=LATEST_SECONDS)
        return None if seconds is None else max(0, seconds) * 1_000

    def resolution(self) -> Interval:
        """The timeframe that `resolution` names."""
        text = self.required("resolution")
        try:
            return interval_of(text)
        except ValueError as problem:
            raise BadParameter("resolution", f"{problem}, not {reprlib.repr(text)}") from None
