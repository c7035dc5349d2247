"""If-Match and If-None-Match as clients and proxies send them."""

from __future__ import annotations

import pytest

from canvas.conditions import condition_of, is_known, tag_of
from canvas.errors import Stale


def is_met(current: int | None, *, if_match: str | None = None, if_none_match: str | None = None) -> bool:
    try:
        condition_of(if_match=if_match, if_none_match=if_none_match).check(current)
    except Stale:
        return False
    return True


@pytest.mark.parametrize("current", [None, 1, 7])
def test_without_a_header_anything_will_do(current: int | None) -> None:
    assert is_met(current)


@pytest.mark.parametrize("header", ['"7"', "7", 'W/"7"', '"3", "7"', ' "7" ', "*"])
def test_the_stored_version_matches(header: str) -> None:
    assert is_met(7, if_match=header)


@pytest.mark.parametrize("header", ['"6"', '"77"', "", "nonsense", '"7', "-7", "7.0", "٧", '"7" "8"', "9" * 40])
def test_no_other_does(header: str) -> None:
    # A quote that is missing is forgiven, nothing else is.
    assert is_met(7, if_match=header) is (header == '"7')


@pytest.mark.parametrize("header", ['"1"', "*"])
def test_what_is_not_stored_matches_no_version(header: str) -> None:
    assert not is_met(None, if_match=header)


def test_a_save_may_be_for_a_new_one_only() -> None:
    assert is_met(None, if_none_match="*")
    assert not is_met(1, if_none_match="*")


def test_a_reader_who_has_the_version_knows_it() -> None:
    assert is_known(7, tag_of(7))
    assert is_known(7, f'W/{tag_of(7)}, "9"')
    assert not is_known(8, tag_of(7))
    assert not is_known(8, None)


def test_who_is_refused_is_told_what_is_stored() -> None:
    with pytest.raises(Stale) as caught:
        condition_of(if_match='"1"', if_none_match=None).check(3)
    assert caught.value.current == 3
