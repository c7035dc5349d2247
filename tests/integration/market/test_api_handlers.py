"""Failures that no view of the API answers: Django's own, and our mistakes."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.test import Client
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from market.api.base import ApiView

pytestmark = pytest.mark.urls("tests.support.urls_with_handlers")


@pytest.fixture
def visitor() -> Client:
    """A client that gets the server's answer to an exception instead of the exception."""
    return Client(raise_request_exception=False)


def assert_failure(response: Any, status: int) -> None:
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert (set(body), body["success"], body["data"]) == ({"success", "data", "error"}, False, None)


def test_a_host_that_is_not_ours_is_an_envelope(visitor: Client) -> None:
    assert_failure(visitor.get("/api/status", headers={"host": "elsewhere.example"}), 400)


def test_the_api_without_a_path_is_an_envelope(visitor: Client) -> None:
    assert_failure(visitor.get("/api"), 404)


def test_an_exception_outside_of_the_views_is_an_envelope(visitor: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert_failure(visitor.get("/api/broken"), 500)


@pytest.mark.parametrize(("path", "status"), [("/broken", 500), ("/nothing", 404)])
def test_other_parts_of_the_site_keep_their_pages(visitor: Client, path: str, status: int) -> None:
    response = visitor.get(path)
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")


def test_a_mistake_of_ours_is_told_to_the_log_and_not_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    class BrokenView(ApiView):
        def get(self, request: Request) -> Response:
            raise RuntimeError("the secret detail")

    with caplog.at_level(logging.ERROR, logger="market.api.errors"):
        response = BrokenView.as_view()(APIRequestFactory().get("/api/broken"))
    response.render()
    assert response.status_code == 500
    assert "secret" not in response.content.decode()
    assert "the secret detail" in caplog.text


def test_numbers_that_json_does_not_have_become_null() -> None:
    class OddView(ApiView):
        def get(self, request: Request) -> Response:
            return Response([float("nan"), float("inf"), 1.5])

    response = OddView.as_view()(APIRequestFactory().get("/api/odd"))
    response.render()
    assert json.loads(response.content)["data"] == [None, None, 1.5]
