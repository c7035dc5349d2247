"""What each file fault makes of a file's text."""

from __future__ import annotations

from typing import Any

import pytest

from feeds.fakebinance import tampering
from feeds.fakebinance.bars import HEADER
from feeds.fakebinance.faults import Fault
from feeds.fakebinance.listings import CATALOGUE
from feeds.fakebinance.market import GeneratedMarket
from market.domain.window import DAY_MS, Month

_START = Month(2025, 11).window.start
_MARKET = GeneratedMarket(seed=3, listings=CATALOGUE.values(), history_start=_START)
_BARS = _MARKET.minutes("BTCUSDT", _START, _START + 3 * DAY_MS)


def lines(*faults: tuple[str, dict[str, Any]]) -> list[str]:
    text = tampering.csv(_BARS, [Fault(name, params=params) for name, params in faults]).decode()
    assert text.endswith("\n")
    return text.splitlines()


SOUND = lines()


def test_without_faults_every_minute_follows_the_header() -> None:
    assert SOUND[0] == HEADER
    assert len(SOUND) == 1 + 3 * 1_440


@pytest.mark.parametrize("name", ["missing_days", "day_absent"])
def test_missing_days_are_left_out_whole(name: str) -> None:
    assert lines((name, {"days": ["2025-11-02"]})) == SOUND[:1_441] + SOUND[2_881:]


def test_a_missing_row_is_the_middle_one_by_default() -> None:
    assert lines(("missing_rows", {})) == SOUND[:2_161] + SOUND[2_162:]


def test_missing_rows_may_be_named() -> None:
    assert lines(("missing_rows", {"rows": [0, 2]})) == [SOUND[0], SOUND[2], *SOUND[4:]]


@pytest.mark.parametrize("name", ["altered", "reissued"])
def test_altered_values_stay_possible_ones(name: str) -> None:
    changed = [
        (before, after) for before, after in zip(SOUND, lines((name, {"count": 7})), strict=True) if before != after
    ]
    assert len(changed) == 7
    for before, after in changed:
        old, new = (row.split(",") for row in (before, after))
        assert new[:4] == old[:4]
        assert float(new[3]) <= float(new[4]) <= float(new[2])
        assert float(new[5]) == pytest.approx(2 * float(old[5]))


def test_a_reissued_file_may_have_lacked_rows_at_first() -> None:
    assert len(lines(("reissued", {"what": "missing_rows", "count": 5}))) == len(SOUND) - 5


def test_a_headerless_file_starts_with_its_first_row() -> None:
    assert lines(("headerless", {})) == SOUND[1:]


def test_microseconds_end_with_the_last_one_of_the_minute() -> None:
    first = lines(("microseconds", {}))[1].split(",")
    assert first[0] == f"{_START}000"
    assert first[6] == f"{_START + 59_999}999"


def test_duplicate_rows_stand_next_to_each_other() -> None:
    assert lines(("duplicate_rows", {"rows": [4]})) == [*SOUND[:6], SOUND[5], *SOUND[6:]]


def test_unordered_rows_are_all_there() -> None:
    rows = lines(("unordered_rows", {}))[1:]
    assert rows != SOUND[1:]
    assert sorted(rows) == SOUND[1:]


@pytest.mark.parametrize(
    ("params", "cell", "text"),
    [({}, 4, "NaN"), ({"column": "volume", "value": "1,5"}, 5, "1"), ({"value": ""}, 4, "")],
)
def test_a_bad_cell_stands_where_it_is_put(params: dict[str, Any], cell: int, text: str) -> None:
    row = lines(("bad_cell", {"row": 9, **params}))[10]
    assert row.split(",")[cell] == text
    assert row != SOUND[10]


def test_a_negative_volume_is_the_volume_with_a_sign() -> None:
    row = lines(("bad_cell", {"row": 9, "column": "volume", "value": "negative"}))[10].split(",")
    assert row[5] == f"-{SOUND[10].split(',')[5]}"


def test_high_and_low_can_be_the_wrong_way_round() -> None:
    row = lines(("bad_cell", {"row": 9, "value": "high<low"}))[10].split(",")
    assert float(row[2]) < float(row[3])


def test_faults_add_up() -> None:
    rows = lines(("headerless", {}), ("missing_days", {"days": ["2025-11-01"]}), ("duplicate_rows", {"rows": [0]}))
    assert rows == [SOUND[1_441], *SOUND[1_441:]]
