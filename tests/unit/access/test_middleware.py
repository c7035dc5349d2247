"""What only users may read stays out of shared caches."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from market.access.middleware import AccessMiddleware


def answer(cache_control: str) -> HttpResponse:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Cache-Control": cache_control})

    return AccessMiddleware(view)(RequestFactory().get("/"))


def test_where_reading_needs_a_user_a_page_that_may_be_kept_is_his_alone(settings: Settings) -> None:
    settings.READS_NEED_TOKEN = True
    kept = answer("public, max-age=60")
    assert set(kept["Cache-Control"].split(", ")) == {"private", "max-age=60"}
    assert set(kept["Vary"].split(", ")) == {"Authorization", "Cookie"}


@pytest.mark.parametrize("text", ["no-store", "private, no-cache"])
def test_a_page_that_is_not_kept_stays_as_it_is(settings: Settings, text: str) -> None:
    settings.READS_NEED_TOKEN = True
    assert answer(text)["Cache-Control"] == text


def test_where_everybody_reads_every_cache_may_keep_it() -> None:
    kept = answer("max-age=60")
    assert (kept["Cache-Control"], kept.has_header("Vary")) == ("max-age=60", False)
