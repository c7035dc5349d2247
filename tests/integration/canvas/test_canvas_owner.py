"""Whose documents a request is about."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory, force_authenticate

from canvas.api.base import owner_of
from canvas.errors import Invalid


def request(user: User | AnonymousUser | None = None, *, header: str | None = None) -> Request:
    plain = APIRequestFactory().get("/", headers=None if header is None else {"X-User-Id": header})
    if user is not None:
        force_authenticate(plain, user=user)
    made = Request(plain)
    if user is not None:
        made.user = user
    return made


def test_while_nobody_has_to_say_who_he_is_the_header_says_it() -> None:
    assert owner_of(request(header="alice")) == "alice"


def test_without_a_header_it_is_what_the_protocol_says() -> None:
    assert owner_of(request(), stated="bob") == "bob"
    assert owner_of(request(header="alice"), stated="bob") == "alice"


@pytest.mark.parametrize("user", [None, AnonymousUser()])
def test_who_says_nothing_is_default(user: AnonymousUser | None) -> None:
    assert owner_of(request(user)) == "default"


def test_an_authenticated_user_is_himself_whatever_is_said() -> None:
    assert owner_of(request(User(pk=7, username="carol"), header="alice"), stated="bob") == "user#7"


def test_nobody_becomes_an_account_by_saying_so() -> None:
    with pytest.raises(Invalid, match="X-User-Id"):
        owner_of(request(header="user#7"))


@pytest.mark.parametrize("stated", ["", "x" * 65, "a\0", "user#7"])
def test_what_is_no_name_is_refused(stated: str) -> None:
    with pytest.raises(Invalid):
        owner_of(request(), stated=stated)
