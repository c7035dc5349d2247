"""What the admin answers when it is no failure of ours: a page that says so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{title}</title><h1>{title}</h1><p>{advice}</p></html>"""
_AWAY: Final = _PAGE.format(title="The database does not answer", advice="Try again in a moment.")
_UNREADABLE: Final = _PAGE.format(
    title="This address cannot be read",
    advice="A value behind its question mark is none that can be looked for. Choose one from the list's own filters.",
)
# No text of PostgreSQL's, no date of Python's, no number of either, no digest.
_UNFIT: Final = (DataError, OverflowError, ValueError, TypeError)
_NOT_KEPT: Final = {"Cache-Control": "no-store"}


class AdminRefusals:
    """Answers 503 in place of an admin page that the database has failed, and 400 where what an address asks for fits
    no column: Django finds most of that out by itself, but not a NUL or a year of 400 digits. Other addresses see to
    themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or match.app_name != "admin":
            return None
        if isinstance(exception, OperationalError | InterfaceError):
            logger.warning("the database is away: %s", exception)
            return HttpResponse(_AWAY, status=503, headers={"Retry-After": "2", **_NOT_KEPT})
        if request.method in {"GET", "HEAD"} and isinstance(exception, _UNFIT):
            # With its stack: should it be a mistake of ours after all, it has to be found.
            logger.warning("an address of the admin cannot be read: %s", exception, exc_info=exception)
            return HttpResponse(_UNREADABLE, status=400, headers=_NOT_KEPT)
        return None
