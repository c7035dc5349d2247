"""Names are any Unicode without control characters."""

from __future__ import annotations

import pytest

from canvas.errors import Invalid
from canvas.names import checked, symbol_of


@pytest.mark.parametrize(
    "name",
    ["a", "..", "../../etc/passwd", "/root", "C:\\x", " ", "名前", "🕯️", "a" * 128, "%00", "\u202eabc"],
)
def test_any_text_is_a_name(name: str) -> None:
    assert checked("name", name, most=128) == name


@pytest.mark.parametrize(
    "name", ["", "a" * 129, "a\0b", "a\nb", "\x7f", "\x85", "\ud800", None, 1, ["a"], {"a": 1}, True]
)
def test_anything_else_is_none_and_the_field_is_named(name: object) -> None:
    with pytest.raises(Invalid, match=r"^name: "):
        checked("name", name, most=128)


def test_a_long_name_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Invalid) as caught:
        checked("name", "a\n" * 60, most=128)
    assert len(str(caught.value)) < 150


def test_a_symbol_is_upper_case() -> None:
    assert symbol_of("btcUsdt", most=128) == "BTCUSDT"


def test_a_symbol_that_grows_in_upper_case_is_measured_as_it_is_stored() -> None:
    with pytest.raises(Invalid):
        symbol_of("ß" * 100, most=128)
