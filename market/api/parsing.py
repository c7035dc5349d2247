"""Reading JSON bodies, none of which is long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, Final

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from market.api.errors import BodyTooLarge

MAX_BODY_BYTES: Final = 64 * 1024


class SmallJSONParser(BaseParser):
    """JSON as its standard defines it: no NaN, no half surrogate pairs, no depth beyond reason."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"body: not JSON: {error}") from None
