"""One verdict for each error, and nothing secret or endless in its text."""

from __future__ import annotations

import pytest

from feeds.binance import errors
from feeds.binance.errors import (
    ApiError,
    BadCell,
    Banned,
    ChecksumMismatch,
    ChecksumMissing,
    ConflictingRows,
    DamagedFile,
    ExchangeError,
    Forbidden,
    MalformedReply,
    Move,
    NotFound,
    OutsideWindow,
    ProxyFailed,
    RegionBlocked,
    ServerError,
    Throttled,
    UnknownSymbol,
    Unreachable,
    blames_egress,
    decide,
)
from market.domain.window import TimeWindow

URL = "https://exchange.test/x"
RETRIED = [
    Unreachable(URL, "reset"),
    ProxyFailed(URL, "407"),
    ServerError(URL, 503),
    Throttled(URL, 3),
    Banned(URL, 1_700_000_000_000, 120),
    Forbidden(URL, 403),
    MalformedReply(URL, "JSON", "<html>"),
    ApiError(URL, 400, -1001, "Internal error; unable to process your request. Please try again."),
]
NEXT = [
    NotFound(URL),
    ChecksumMissing("a.zip"),
    ChecksumMismatch("a.zip", "0" * 64, "1" * 64),
    DamagedFile("a.zip", "no ZIP"),
    BadCell(2, "open", "x", "a number"),
    ConflictingRows(0),
    OutsideWindow(1, 0, TimeWindow(60_000, 120_000)),
]
GIVEN_UP = [
    RegionBlocked(URL),
    UnknownSymbol(URL, 400, -1121, "Invalid symbol."),
    ApiError(URL, 400, -1130, "Data sent for parameter 'limit' is not valid."),
]


def name_of(error: ExchangeError) -> str:
    return type(error).__name__


@pytest.mark.parametrize("error", RETRIED, ids=name_of)
def test_what_may_pass_by_itself_is_retried(error: ExchangeError) -> None:
    assert decide(error) is Move.RETRY


@pytest.mark.parametrize("error", NEXT, ids=name_of)
def test_what_this_source_cannot_give_is_left_to_the_next_tier(error: ExchangeError) -> None:
    assert decide(error) is Move.NEXT_TIER


@pytest.mark.parametrize("error", GIVEN_UP, ids=name_of)
def test_what_no_source_can_help_is_given_up(error: ExchangeError) -> None:
    assert decide(error) is Move.GIVE_UP


def subclasses(kind: type) -> set[type]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def test_the_tree_in_the_docstring_names_every_class() -> None:
    assert errors.__doc__ is not None
    tree = set(errors.__doc__.split())
    assert {kind.__name__ for kind in subclasses(ExchangeError)} <= tree


@pytest.mark.parametrize("error", [*RETRIED, *NEXT, *GIVEN_UP], ids=name_of)
def test_only_the_network_the_proxy_and_the_firewall_are_the_fault_of_the_way_out(error: ExchangeError) -> None:
    assert blames_egress(error) == isinstance(error, Unreachable | Forbidden | RegionBlocked)


def test_a_whole_page_is_shortened_in_the_message() -> None:
    assert len(str(MalformedReply(URL, "JSON", "<p>" * 10_000))) < 400
