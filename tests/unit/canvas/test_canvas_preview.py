"""What an operator sees of a document: indented, unchanged in every token, and bounded."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvas.preview import MAX_SHOWN, preview

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=30,
)


def test_each_value_has_a_line() -> None:
    shown = preview(b'{"a":[1,{"b":[]},{}],"c":"x, {y}: [z]"}')
    assert shown.text == ('{\n  "a": [\n    1,\n    {\n      "b": []\n    },\n    {}\n  ],\n  "c": "x, {y}: [z]"\n}')
    assert (shown.is_cut, shown.is_json) == (False, True)


@given(VALUES)
def test_it_is_what_was_saved_but_for_blanks(value: object) -> None:
    written = json.dumps(value, ensure_ascii=False)
    shown = preview(written.encode("utf-8", errors="surrogatepass"))
    if shown.is_json:
        assert json.loads(shown.text) == json.loads(written)
        assert shown.text == json.dumps(value, ensure_ascii=False, indent=2)


@pytest.mark.parametrize("number", ["1.0e5", "1E400", "-0", "0.1000", "9" * 5_000])
def test_numbers_stay_as_they_were_written(number: str) -> None:
    assert preview(f"[{number}]".encode()).text == f"[\n  {number}\n]"


@pytest.mark.parametrize("content", [b"", b"{", b"nothing", b"\xff\xfe", b"[1,]", b"[" * 100_000])
def test_what_is_no_json_is_shown_as_it_is(content: bytes) -> None:
    shown = preview(content)
    assert not shown.is_json
    assert shown.text == content.decode("utf-8", errors="replace")[:MAX_SHOWN]


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b"1," * 1_000_000 + b"1]",
        b"[" * 900 + b"1," * 900_000 + b"1" + b"]" * 900,
        b'"' + b"x" * 2_000_000 + b'"',
        b"x" * 2_000_000,
    ],
    ids=["long", "deep", "one text", "no json"],
)
def test_a_large_document_is_cut(content: bytes) -> None:
    shown = preview(content)
    assert shown.is_cut
    assert len(shown.text) == MAX_SHOWN


def test_blanks_between_tokens_make_no_difference() -> None:
    assert preview(b' { "a" :\r\n[ 1 ,\t2 ] } ').text == preview(b'{"a":[1,2]}').text
    assert not re.search(r"\s$", preview(b"[1] ").text)
