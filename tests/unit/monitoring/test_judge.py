"""What /readyz says of the live side."""

from __future__ import annotations

from typing import Final

import pytest

from market.monitoring.checks import Unready, judge
from market.selectors.live import LiveStatus, LiveSymbol

_FRESH: Final = {"age_s": 0.5, "is_stale": False, "is_heard": True}
_STALE: Final = {"age_s": 46.0, "is_stale": True, "is_heard": True}
_WAITING: Final = {"age_s": 3.0, "is_stale": False, "is_heard": False}


def _symbol(name: str, state: dict[str, float | bool]) -> LiveSymbol:
    return LiveSymbol(
        symbol=name,
        last_closed=None,
        reconnects=0,
        rest_repairs=0,
        is_expected=True,
        age_s=float(state["age_s"]),
        is_stale=bool(state["is_stale"]),
        is_heard=bool(state["is_heard"]),
    )


def _said(*states: dict[str, float | bool]) -> str:
    return judge(
        LiveStatus(
            is_wanted=True,
            is_running=True,
            is_connected=True,
            is_reported=True,
            collectors=[],
            reports={},
            symbols=[_symbol(f"S{number}", state) for number, state in enumerate(states)],
            pending=0,
            refused=0,
        )
    )


def test_the_oldest_of_fresh_data_is_told() -> None:
    assert _said(_FRESH, {**_FRESH, "age_s": 2.0}) == "2 symbols are fresh, the oldest data is 2.0 s old"


def test_one_silent_symbol_of_several_is_named() -> None:
    assert _said(_FRESH, _STALE) == "1 of 2 symbols are fresh, but not S1"


def test_nothing_but_silence_is_not_ready() -> None:
    with pytest.raises(Unready, match=r"no fresh data of any of 2 symbols \(S0, S1\)"):
        _said(_STALE, _STALE)


def test_a_symbol_that_has_just_been_added_does_not_hide_that_the_stream_is_silent() -> None:
    with pytest.raises(Unready, match=r"no fresh data of any of 2 symbols \(S0\)"):
        _said(_STALE, _WAITING)


def test_a_symbol_without_any_data_yet_is_not_called_fresh() -> None:
    assert _said(_FRESH, _STALE, _WAITING) == "1 of 3 symbols are fresh, but not S1, S2 without any yet"


def test_at_the_beginning_the_first_data_is_waited_for() -> None:
    assert _said(_WAITING, _WAITING) == "2 symbols wait for their first data"
