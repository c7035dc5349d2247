"""Changes to the drawings of a chart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvas.drawings import (
    State,
    state_dict,
    state_merge,
    state_of,
    state_of_symbol,
    state_read,
    state_write,
)
from canvas.errors import Invalid

LINE = {"id": "a", "symbol": "BTCUSDT", "state": {"points": [1.5]}}
ITEMS = st.dictionaries(st.sampled_from("abcd"), st.fixed_dictionaries({"n": st.integers(0, 9)}), max_size=4)
CHANGES = st.dictionaries(
    st.sampled_from("abcd"), st.none() | st.fixed_dictionaries({"n": st.integers(0, 9)}), max_size=4
)


@pytest.mark.parametrize(
    "sent",
    [
        {"sources": {"a": LINE, "b": None}, "groups": {}},
        {"sources": [["a", LINE], ["b", None]]},
        '{"sources": {"a": {"id": "a", "symbol": "BTCUSDT", "state": {"points": [1.5]}}, "b": null}, "groups": null}',
    ],
)
def test_each_way_to_write_a_state_is_read(sent: object) -> None:
    assert state_of(sent) == State(sources={"a": LINE, "b": None}, groups={})


@given(stored=ITEMS, changes=st.lists(CHANGES, max_size=5))
def test_null_deletes_and_the_rest_is_merged(stored: dict[str, object], changes: list[dict[str, object]]) -> None:
    state, expected = State(sources=stored), dict(stored)
    for change in changes:
        state = state_merge(state, State(sources=change))
        for key, item in change.items():
            if item is None:
                expected.pop(key, None)
            else:
                expected[key] = item
    assert state.sources == expected
    assert state_read(state_write(state)) == state


def test_groups_are_merged_like_drawings() -> None:
    merged = state_merge(State(groups={"g": {"name": "old"}, "h": {}}), State(groups={"g": {"name": "new"}, "h": None}))
    assert state_dict(merged) == {"sources": {}, "groups": {"g": {"name": "new"}}}


def test_a_symbol_gets_its_own_and_what_belongs_to_none() -> None:
    state = State(sources={"a": {"symbol": "X"}, "b": {"symbol": "Y"}, "c": {}}, groups={"g": {"symbol": "Y"}})
    assert state_dict(state_of_symbol(state, "X")) == {"sources": {"a": {"symbol": "X"}, "c": {}}, "groups": {}}


@pytest.mark.parametrize(
    "sent",
    [
        None,
        1,
        [],
        "",
        "{",
        "[]",
        {"sources": 1},
        {"sources": "text"},
        {"sources": {"a": 1}},
        {"sources": [["a"]]},
        {"sources": ["ab"]},
        {"sources": [[1, {}]]},
        {"groups": {"a": []}},
        '{"sources": {"a": NaN}}',
    ],
)
def test_anything_else_is_refused_by_name(sent: object) -> None:
    with pytest.raises(Invalid, match=r"^state"):
        state_of(sent)


def test_a_state_that_cannot_be_written_is_refused() -> None:
    deep = state_of('{"sources": {"a": {"x": %s}}}' % ("[" * 600 + "]" * 600))
    with pytest.raises(Invalid, match=r"^state"):
        state_write(deep)
