"""The admin while the database is away: a page that says so, not a failure of ours."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The database is away</title><h1>The database does not answer</h1><p>Try again in a moment.</p></html>"""


class AdminWithoutDatabase:
    """Answers 503 in place of an admin page that the database has failed. Other addresses see to themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or match.app_name != "admin" or not isinstance(exception, OperationalError | InterfaceError):
            return None
        logger.warning("the database is away: %s", exception)
        return HttpResponse(_PAGE, status=503, headers={"Retry-After": "2", "Cache-Control": "no-store"})
