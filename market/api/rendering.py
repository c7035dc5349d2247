"""Every answer of the API is one envelope: ``{"success": bool, "data": ... | null, "error": null | "text"}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from rest_framework.renderers import BaseRenderer

MAX_TEXT: Final = 380


def envelope(data: object) -> bytes:
    """A success as JSON. Numbers that JSON does not have (NaN, infinity) become null."""
    return orjson.dumps({"success": True, "data": data, "error": None})


def failure(text: str) -> bytes:
    """A failure as JSON. Half a surrogate pair has no UTF-8 form: it is written as its escape. Of a text that quotes a
    whole header the beginning is enough."""
    readable = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."
    readable = readable.encode("utf-8", "backslashreplace").decode()
    return orjson.dumps({"success": False, "data": None, "error": readable})


class EnvelopeRenderer(BaseRenderer):
    """Wraps what a view answers. Of a response that an exception made, the data is the error's text."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        failed = renderer_context is not None and renderer_context["response"].exception
        return failure(str(data)) if failed else envelope(data)
