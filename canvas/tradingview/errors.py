"""Failures as TradingView's client reads them: ``{"status": "error", "message": "text"}``.

It shows the message of an answer with status 200. So what a user can meet while he does nothing wrong (a layout that
was deleted in another tab, a limit) is answered with 200; what no such client sends, and what is wrong with this
server, keeps the status that says so.
"""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response

from canvas.api.errors import failure_of, readable
from canvas.errors import LimitReached, NotFound


def tradingview_errors(error: Exception, context: dict[str, Any]) -> Response:
    """In the form of this protocol."""
    failure = failure_of(error, context)
    status = 200 if isinstance(error, NotFound | LimitReached) else failure.status
    return Response({"status": "error", "message": readable(failure.text)}, status=status, headers=failure.headers)
