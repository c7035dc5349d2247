"""Pages of bars as columns."""

from __future__ import annotations

from market.domain.page import Page

ROWS = [(minute * 60_000, 1.5, 2.0, 1.0, 1.75, 10.0 + minute, 4.0) for minute in range(5)]


def test_rows_become_columns_and_rows_again() -> None:
    assert Page.of_rows(ROWS).rows() == ROWS


def test_what_a_row_has_behind_its_columns_is_left_out() -> None:
    assert Page.of_rows([(*row, 99.0, 7) for row in ROWS]).rows() == ROWS


def test_pages_are_put_one_after_the_other() -> None:
    whole = Page.of_rows(ROWS)
    assert Page.concat([whole[:2], whole[:0], whole[2:]]).rows() == ROWS
    assert len(Page.concat([])) == 0


def test_the_last_bar_is_the_newest() -> None:
    assert Page.of_rows(ROWS).last == 240_000
