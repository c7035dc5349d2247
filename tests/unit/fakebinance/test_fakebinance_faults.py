"""The fault book: which requests a rule hits, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from feeds.fakebinance.clock import Clock
from feeds.fakebinance.fault_kinds import FaultError
from feeds.fakebinance.faults import Fault, FaultBook
from feeds.fakebinance.visits import Visit

MONTHLY = "/data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01.zip"
DAILY = "/data/futures/um/daily/klines/ETHUSDT/1m/ETHUSDT-1m-2025-01-17.zip"


def visit(path: str, **query: str) -> Visit:
    return Visit.of(path, query)


def book() -> FaultBook:
    return FaultBook(Clock(1_000, speed=0))


def names(faults: list[Fault]) -> list[str]:
    return [fault.name for fault in faults]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (MONTHLY, Visit("archive.zip", MONTHLY, "BTCUSDT", "1m", "monthly", "2025-01", None)),
        (
            f"{DAILY}.CHECKSUM",
            Visit("archive.checksum", f"{DAILY}.CHECKSUM", "ETHUSDT", "1m", "daily", "2025-01", "2025-01-17"),
        ),
        ("/data/nonsense.zip", Visit("archive.zip", "/data/nonsense.zip")),
        ("/data.binance.vision", Visit("archive.listing", "/data.binance.vision")),
        ("/fapi/v1/time", Visit("rest.time", "/fapi/v1/time")),
        ("/fapi/v1/depth", Visit("rest.other", "/fapi/v1/depth")),
        ("/control/clock", Visit("control", "/control/clock")),
        ("/favicon.ico", Visit("other", "/favicon.ico")),
    ],
)
def test_requests_are_sorted_by_what_they_ask_for(path: str, expected: Visit) -> None:
    assert visit(path) == expected


def test_a_rest_request_is_known_by_its_symbol_in_upper_case() -> None:
    assert visit("/fapi/v1/klines", symbol="btcusdt", interval="5m").symbol == "BTCUSDT"


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({}, True),
        ({"symbol": "BTCUSDT"}, True),
        ({"symbol": "ETH*"}, False),
        ({"tier": "monthly", "month": "2025-*"}, True),
        ({"tier": "daily"}, False),
        ({"day": "2025-01-01"}, False),
        ({"kind": "archive.*"}, True),
        ({"kind": "archive.checksum"}, False),
        ({"path": "*/BTCUSDT-1m-2025-01.zip"}, True),
    ],
)
def test_a_rule_hits_the_requests_that_fit_all_its_patterns(match: dict[str, str], hit: bool) -> None:
    faults = book()
    faults.add("not_found", match=match)
    assert bool(faults.claim(visit(MONTHLY))) is hit


def test_without_a_kind_a_rule_hits_the_requests_it_makes_sense_for() -> None:
    faults = book()
    faults.add("wrong_checksum")
    faults.add("truncated")
    faults.add("rate_limited")
    assert names(faults.claim(visit(MONTHLY))) == ["truncated"]
    assert names(faults.claim(visit(f"{MONTHLY}.CHECKSUM"))) == ["wrong_checksum"]
    assert names(faults.claim(visit("/fapi/v1/ping"))) == ["rate_limited"]


def test_a_budget_is_kept_for_each_path() -> None:
    faults = book()
    rule = faults.add("reissued", times=1)
    paths = [MONTHLY, f"{MONTHLY}.CHECKSUM", MONTHLY, f"{MONTHLY}.CHECKSUM"]
    assert [bool(faults.claim(visit(path))) for path in paths] == [True, True, False, False]
    assert faults.hits(rule.id) == 2


def test_a_budget_for_all_paths_is_used_up_by_any() -> None:
    faults = book()
    faults.add("server_error", times=1, scope="all")
    assert [bool(faults.claim(visit(path))) for path in (MONTHLY, DAILY)] == [True, False]


def test_a_rule_may_let_the_first_requests_pass() -> None:
    faults = book()
    faults.add("server_error", skip=2, times=1)
    assert [bool(faults.claim(visit(MONTHLY))) for _ in range(4)] == [False, False, True, False]


def test_a_rule_ends_when_the_clock_says_so() -> None:
    clock = Clock(1_000, speed=0)
    faults = FaultBook(clock)
    faults.add("not_found", until_ms=2_000)
    assert faults.claim(visit(MONTHLY))
    clock.set(2_000)
    assert not faults.claim(visit(MONTHLY))


def test_chance_is_the_same_for_the_same_seed() -> None:
    def hits(seed: int) -> list[bool]:
        faults = book()
        faults.add("reset", probability=0.5, seed=seed)
        return [bool(faults.claim(visit(MONTHLY))) for _ in range(64)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 10 < sum(hits(1)) < 54


def test_a_removed_rule_hits_nothing() -> None:
    faults = book()
    rule = faults.add("not_found")
    assert faults.remove(rule.id)
    assert not faults.remove(rule.id)
    assert not faults.claim(visit(MONTHLY))


def test_absent_days_are_known_for_their_symbol_only() -> None:
    faults = book()
    faults.add("day_absent", match={"symbol": "BTCUSDT"}, params={"days": ["2025-01-03", "2025-01-05"]})
    assert faults.absent_days("BTCUSDT") == {"2025-01-03", "2025-01-05"}
    assert faults.absent_days("ETHUSDT") == frozenset()


def test_a_rule_survives_the_way_over_json() -> None:
    rule = Fault("bad_cell", match={"symbol": "BTCUSDT"}, params={"row": 3, "value": "x"}, times=2, until_ms=5)
    data = rule.to_json()
    del data["id"]
    assert Fault.from_json(data) == rule


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([], "a fault is an object"),
        ({"fault": "nope"}, "unknown fault 'nope'"),
        ({"fault": "reset", "when": 1}, "unknown keys"),
        ({"fault": "reset", "match": {"colour": "red"}}, "unknown \\['colour'\\]"),
        ({"fault": "reset", "times": -1}, "whole numbers"),
        ({"fault": "reset", "times": "often"}, "whole numbers"),
        ({"fault": "reset", "scope": "some"}, "scope 'some'"),
        ({"fault": "reset", "probability": 2}, "from 0 to 1"),
        ({"fault": "reset", "params": {"fraction": 3}}, "fraction of fault reset"),
        ({"fault": "reset", "params": {"after": 3}}, "no parameter 'after'"),
        ({"fault": "missing_days"}, "needs days"),
        ({"fault": "missing_days", "params": {"days": ["yesterday"]}}, "a list of days"),
        ({"fault": "bad_cell", "params": {"column": "price"}}, "column of fault bad_cell"),
        ({"fault": "day_absent", "params": {"days": ["2025-01-01"]}, "times": 1}, "property of the market"),
    ],
)
def test_an_impossible_rule_is_refused_with_the_reason(data: Any, reason: str) -> None:
    with pytest.raises(FaultError, match=reason):
        Fault.from_json(data)
