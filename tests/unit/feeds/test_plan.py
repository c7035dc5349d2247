"""The plan, held against simulated archives: any tier may lack any day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from feeds.plan import DailyFile, MonthlyFile, RestDay, Step, gaps, plan
from market.domain.ledger import DayEntry
from market.domain.source import Source
from market.domain.window import DAY_MS, MINUTE_MS, Month, TimeWindow, day_start

FIRST = dt.date(2024, 1, 1)
MINUTES = 1_440
# Two months and a bit before and after the turn of one.
SPAN = 75
# From this many missing days of a month on, its file is fetched.
FEW = 5


@dataclass
class Exchange:
    """What each tier has: minutes of a day by day (0 to 1440). Minutes of tiers overlap: the most counts."""

    monthly: dict[dt.date, int]
    daily: dict[dt.date, int]
    rest: dict[dt.date, int]
    have: dict[dt.date, DayEntry] = field(default_factory=dict)

    def answer(self, step: Step) -> None:
        match step:
            case MonthlyFile(month):
                for day in month.days():
                    self._store(day, Source.MONTHLY, self.monthly.get(day, 0))
            case DailyFile(day):
                self._store(day, Source.DAILY, self.daily.get(day, 0))
            case RestDay(day):
                self._store(day, Source.REST, self.rest.get(day, 0))

    def _store(self, day: dt.date, source: Source, minutes: int) -> None:
        old = self.have.get(day)
        if minutes > (old.total if old else 0):
            settled = old.is_settled if old else False
            self.have[day] = DayEntry(day, MINUTES, rows={source: minutes}, is_settled=settled)


def day_number(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


# Complete, absent, or a part.
MINUTES_OF_A_DAY = st.one_of(st.just(MINUTES), st.just(0), st.sampled_from([1, 700, MINUTES - 1]))
TIERS = st.dictionaries(st.builds(day_number, st.integers(0, SPAN)), MINUTES_OF_A_DAY)


@st.composite
def wants(draw: st.DrawFn) -> TimeWindow:
    """Any window that begins and ends on a minute."""
    start = day_start(FIRST) + draw(st.integers(0, (SPAN - 1) * MINUTES)) * MINUTE_MS
    end = min(start + draw(st.integers(0, SPAN * MINUTES)) * MINUTE_MS, day_start(FIRST) + SPAN * DAY_MS)
    return TimeWindow(start, max(start, end))


@st.composite
def situations(draw: st.DrawFn) -> tuple[Exchange, TimeWindow, dt.date]:
    """An exchange, a window of closed minutes and the day that is today, on which the window may end."""
    full = {day_number(number): MINUTES for number in range(SPAN)}
    exchange = Exchange(
        monthly={**full, **draw(TIERS)} if draw(st.booleans()) else draw(TIERS),
        daily={**full, **draw(TIERS)} if draw(st.booleans()) else draw(TIERS),
        rest={**full, **draw(TIERS)} if draw(st.booleans()) else draw(TIERS),
    )
    for day in draw(st.lists(st.builds(day_number, st.integers(0, SPAN - 1)), unique=True, max_size=40)):
        rows = {Source.LIVE: draw(MINUTES_OF_A_DAY)}
        exchange.have[day] = DayEntry(day, MINUTES, rows=rows, is_settled=draw(st.booleans()))
    want = draw(wants())
    last = want.days()[-1] if want.days() else FIRST
    return exchange, want, last + dt.timedelta(days=draw(st.sampled_from([0, 0, 1, 2, 40])))


def run(
    exchange: Exchange, want: TimeWindow, today: dt.date, *, has_rest: bool = True
) -> tuple[list[list[Step]], set[Step]]:
    """Plan and answer until the plan is empty: the rounds, and all steps that were taken."""
    tried: set[Step] = set()
    rounds: list[list[Step]] = []
    while steps := plan(want, exchange.have, today=today, tried=tried, has_rest=has_rest):
        # One monthly file, then a daily one and REST for each day: more rounds than tiers mean a loop.
        assert len(rounds) < 3, rounds
        assert not tried.intersection(steps), "a step is proposed again"
        assert len(set(steps)) == len(steps), "a step is proposed twice at once"
        for step in steps:
            exchange.answer(step)
        rounds.append(steps)
        tried.update(steps)
    return rounds, tried


def days_of(step: Step) -> list[dt.date]:
    return step.month.days() if isinstance(step, MonthlyFile) else [step.day]


@given(situations(), st.booleans())
def test_at_the_end_each_wanted_day_is_whole_or_settled_or_was_asked_of_every_tier(
    situation: tuple[Exchange, TimeWindow, dt.date], has_rest: bool
) -> None:
    exchange, want, today = situation
    _, tried = run(exchange, want, today, has_rest=has_rest)
    for day in want.days():
        entry = exchange.have.get(day)
        wanted = TimeWindow.of_day(day).intersect(want).minutes
        if entry is not None and (entry.is_settled or entry.total >= wanted):
            continue
        assert (DailyFile(day) in tried) == (day < today)
        assert (RestDay(day) in tried) == has_rest


@given(situations())
def test_what_is_left_at_the_end_is_what_no_tier_has(situation: tuple[Exchange, TimeWindow, dt.date]) -> None:
    exchange, want, today = situation
    run(exchange, want, today)
    for day in gaps(want, exchange.have):
        best = exchange.rest.get(day, 0)
        if day < today:
            best = max(best, exchange.daily.get(day, 0))
        assert best < TimeWindow.of_day(day).intersect(want).minutes, f"{day} could have been filled"


@given(situations())
def test_only_lacking_days_inside_the_window_are_asked_for(situation: tuple[Exchange, TimeWindow, dt.date]) -> None:
    exchange, want, today = situation
    tried: set[Step] = set()
    for _ in range(4):
        lacking = set(gaps(want, exchange.have))
        steps = plan(want, exchange.have, today=today, tried=tried)
        for step in steps:
            assert lacking.intersection(days_of(step)), f"{step} is for no day that lacks anything"
            assert isinstance(step, MonthlyFile) or step.day in lacking
            exchange.answer(step)
        tried.update(steps)


@given(situations())
def test_a_settled_day_alone_is_never_asked_for(situation: tuple[Exchange, TimeWindow, dt.date]) -> None:
    exchange, want, today = situation
    for day in want.days():
        exchange.have[day] = DayEntry(day, MINUTES, is_settled=True)
    assert plan(want, exchange.have, today=today) == []


@given(situations())
def test_the_newest_comes_first(situation: tuple[Exchange, TimeWindow, dt.date]) -> None:
    exchange, want, today = situation
    for steps in run(exchange, want, today)[0]:
        newest = [days_of(step)[-1] for step in steps]
        assert newest == sorted(newest, reverse=True)


@given(situations())
def test_files_are_asked_for_only_when_their_time_is_over(situation: tuple[Exchange, TimeWindow, dt.date]) -> None:
    exchange, want, today = situation
    for step in run(exchange, want, today)[1]:
        if isinstance(step, MonthlyFile):
            assert step.month < Month.of(today)
        if isinstance(step, DailyFile):
            assert step.day < today


@given(situations())
def test_a_month_file_is_worth_its_size(situation: tuple[Exchange, TimeWindow, dt.date]) -> None:
    exchange, want, today = situation
    missing = gaps(want, exchange.have)
    first = plan(want, exchange.have, today=today)
    for month in {Month.of(day) for day in missing}:
        count = sum(Month.of(day) == month for day in missing)
        assert (MonthlyFile(month) in first) == (count >= FEW and month < Month.of(today))


@given(situations())
def test_without_rest_only_the_archive_is_asked(situation: tuple[Exchange, TimeWindow, dt.date]) -> None:
    exchange, want, today = situation
    _, tried = run(exchange, want, today, has_rest=False)
    assert not [step for step in tried if isinstance(step, RestDay)]


@given(situations())
def test_a_day_goes_down_the_tiers_in_order(situation: tuple[Exchange, TimeWindow, dt.date]) -> None:
    exchange, want, today = situation
    order: list[Step] = []
    for steps in run(exchange, want, today)[0]:
        order += steps
    place = {step: number for number, step in enumerate(order)}
    for step in order:
        if isinstance(step, RestDay) and step.day < today:
            assert place[DailyFile(step.day)] < place[step]
        if isinstance(step, DailyFile):
            assert place.get(MonthlyFile(Month.of(step.day)), -1) < place[step]


def test_today_is_asked_of_rest_alone() -> None:
    today = dt.date(2024, 2, 20)
    want = TimeWindow(day_start(today), day_start(today) + 600 * MINUTE_MS)
    assert plan(want, {}, today=today) == [RestDay(today)]
    assert plan(want, {}, today=today, has_rest=False) == []


def test_a_day_that_is_whole_as_far_as_it_is_wanted_lacks_nothing() -> None:
    today = dt.date(2024, 2, 20)
    want = TimeWindow(day_start(today), day_start(today) + 600 * MINUTE_MS)
    have = {today: DayEntry(today, MINUTES, rows={Source.LIVE: 600})}
    assert gaps(want, have) == []
    have = {today: DayEntry(today, MINUTES, rows={Source.LIVE: 599})}
    assert gaps(want, have) == [today]
