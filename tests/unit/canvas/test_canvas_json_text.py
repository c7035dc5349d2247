"""A member of a JSON object keeps its letters."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvas.json_text import NotAnObject, is_json, members

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)
INDENTS = st.sampled_from([None, 0, 2, "\t"])


@given(value=st.dictionaries(TEXT, JSON, max_size=5), indent=INDENTS, ascii_only=st.booleans())
def test_every_member_is_the_text_between_its_colon_and_its_comma(
    value: dict[str, object], indent: int | str | None, ascii_only: bool
) -> None:
    written = {name: json.dumps(item, indent=indent, ensure_ascii=ascii_only) for name, item in value.items()}
    body = "{ " + "\n, ".join(f"{json.dumps(name)} :\t{text} " for name, text in written.items()) + "}\r\n"
    found = members(body.encode())
    assert {name: member.text for name, member in found.items()} == written
    assert {name: member.value for name, member in found.items()} == value


@pytest.mark.parametrize(
    "text",
    [
        "1.10",
        "1e2",
        "-0.0",
        "12345678901234567890123456789",
        "0.1000000000000000055511151231257827",
        '"\\u00e9\\/"',
        "{ }",
    ],
)
def test_what_python_would_write_otherwise_stays(text: str) -> None:
    assert members(b'{"data": %b}' % text.encode())["data"].text == text


def test_of_a_name_that_occurs_twice_the_last_counts_in_both_forms() -> None:
    member = members(b'{"a": 1, "a": [2]}')["a"]
    assert (member.value, member.text) == ([2], "[2]")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"text"',
        b"{} {}",
        b'{"a": NaN}',
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": 1e400}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xff"}',
        b'{"a": "\x00"}',
        b"\xef\xbb\xbf{}",
        b'{"a": ' + b"[" * 2_000 + b"]" * 2_000 + b"}",
        b'{"a": ' * 1_000 + b"1" + b"}" * 1_000,
        b"[" * 1_000_000,
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(NotAnObject):
        members(body)


@given(body=st.binary(max_size=60))
def test_no_bytes_whatever_do_anything_else(body: bytes) -> None:
    try:
        found = members(body)
    except NotAnObject:
        return
    assert {name: member.value for name, member in found.items()} == orjson.loads(body)


def test_one_value_is_json_and_two_are_not() -> None:
    assert is_json(b" [1, 2] ")
    assert not is_json(b"1, 2")
    assert not is_json(b"")
