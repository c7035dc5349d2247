"""Asking what may not answer: one thread for each question, and nobody waits longer than he likes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from market.monitoring.question import Question
from tests.support.eventually import eventually_here


class Oracle:
    """Answers with the number of times that it was asked, once it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self) -> int:
        self.asked += 1
        answer = self.asked
        assert self.may_answer.wait(20)
        return answer


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    oracle = Oracle()
    yield oracle
    oracle.may_answer.set()


async def test_an_answer_counts_for_a_while(oracle: Oracle) -> None:
    question = Question("q", oracle, max_age_s=60)
    assert [await question.answer(5) for _ in range(3)] == [1, 1, 1]


async def test_an_old_answer_is_not_given(oracle: Oracle) -> None:
    question = Question("q", oracle, max_age_s=0)
    assert [await question.answer(5) for _ in range(3)] == [1, 2, 3]


async def test_who_asks_at_the_same_time_shares_the_answer(oracle: Oracle) -> None:
    question = Question("q", oracle, max_age_s=0)
    oracle.may_answer.clear()
    asking = [asyncio.create_task(question.answer(5)) for _ in range(20)]
    await asyncio.sleep(0)
    oracle.may_answer.set()
    assert await asyncio.gather(*asking) == [1] * 20


async def test_nobody_waits_longer_than_he_likes_and_nobody_asks_twice(oracle: Oracle) -> None:
    question = Question("q", oracle, max_age_s=0)
    oracle.may_answer.clear()
    for _ in range(3):
        with pytest.raises(TimeoutError, match="no answer for"):
            await question.answer(0.05)
    assert oracle.asked == 1


async def test_a_stale_answer_is_given_while_the_next_one_is_awaited(oracle: Oracle) -> None:
    question = Question("q", oracle, max_age_s=0, stale_s=60)
    assert await question.answer(5) == 1
    oracle.may_answer.clear()
    assert [await question.answer(5) for _ in range(3)] == [1, 1, 1]
    # The thread that asks may not have begun yet.
    await eventually_here(lambda: oracle.asked == 2)


async def test_an_error_is_raised_to_everybody_and_asked_about_again() -> None:
    failures = iter([RuntimeError("away"), None])

    def ask() -> str:
        failure = next(failures)
        if failure is not None:
            raise failure
        return "here"

    question = Question("q", ask, max_age_s=0, stale_s=60)
    with pytest.raises(RuntimeError, match="away"):
        await question.answer(5)
    assert await question.answer(5) == "here"
