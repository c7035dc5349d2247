"""What a line of the log looks like, what is left out of it, and what is never in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from klineproject import logs
from klineproject.logs import JsonFormatter, Repeats, TextFormatter, hide, without_secrets


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def text(clock: Clock) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger, and what its log holds."""
    yield from logging_to(TextFormatter(), clock)


@pytest.fixture
def objects(clock: Clock) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    yield from logging_to(JsonFormatter(), clock)


def logging_to(formatter: logging.Formatter, clock: Clock) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(Repeats(clock))
    logger = logging.Logger("some.part", logging.DEBUG)  # noqa: LOG001 (one that no other test knows)
    logger.addHandler(handler)
    yield logger, stream


@pytest.fixture(autouse=True)
def _no_secret_outlives_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_secrets", [])


def test_a_line_break_in_a_message_makes_no_second_event(text: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = text
    logger.info("asked for %s", "nothing\n2026-01-01 00:00:00,000 CRITICAL root: invented")
    assert stream.getvalue().count("\n") == 1


def test_json_has_one_object_an_event_with_its_stack_trace(objects: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = objects
    try:
        raise ValueError("odd")
    except ValueError:
        logger.exception("it failed")
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert (event["level"], event["logger"], event["message"]) == ("ERROR", "some.part", "it failed")
    assert event["exception"].endswith("ValueError: odd")
    assert event["time"].endswith("Z")


def test_secrets_are_hidden_in_messages_and_stack_traces(text: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = text
    word = "very-/private"
    hide([word])
    try:
        raise ValueError(f"no answer to {word}")
    except ValueError:
        logger.exception("tried %s", f"{word}, quoted very-%2Fprivate")
    assert "private" not in stream.getvalue().replace('"private"', "")
    assert "ValueError: no answer to ***" in stream.getvalue()


def test_the_longer_one_of_two_secrets_is_hidden_whole() -> None:
    hide(["secret-one", "secret-one-and-more"])
    assert without_secrets("secret-one-and-more, secret-one") == "***, ***"


def test_a_password_in_an_address_is_hidden_whoever_it_belongs_to() -> None:
    assert (
        without_secrets("redis://:abc@host:1/0 postgresql://me:x@h/db")
        == "redis://:***@host:1/0 postgresql://me:***@h/db"
    )
    assert without_secrets("http://127.0.0.1:3000/a@b") == "http://127.0.0.1:3000/a@b"


def test_a_warning_is_written_once_a_minute_with_a_count_of_the_others(
    text: tuple[logging.Logger, io.StringIO], clock: Clock
) -> None:
    logger, stream = text
    for _ in range(38):
        logger.warning("Redis is away: %s", "refused")
    clock.now += Repeats.EVERY_S
    logger.warning("Redis is away: %s", "refused")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("Redis is away: refused")
    assert second.endswith("Redis is away: refused (37 more like this were left out)")


def test_a_flood_that_differs_in_details_is_cut_too(text: tuple[logging.Logger, io.StringIO], clock: Clock) -> None:
    logger, stream = text
    for number in range(500):
        logger.warning("%d is odd", number)
    assert len(stream.getvalue().splitlines()) == Repeats.MOST
    clock.now += Repeats.EVERY_S
    logger.warning("%d is odd", 501)
    assert stream.getvalue().endswith(f"501 is odd ({500 - Repeats.MOST} more like this were left out)\n")


def test_what_only_informs_is_written_each_time(text: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = text
    for _ in range(50):
        logger.info("a minute is over")
    assert len(stream.getvalue().splitlines()) == 50


def test_different_loggers_and_levels_do_not_silence_each_other(clock: Clock) -> None:
    repeats = Repeats(clock)

    def passes(name: str, level: int) -> bool:
        return repeats.filter(logging.LogRecord(name, level, "file", 1, "the same", None, None))

    assert passes("a", logging.WARNING)
    assert passes("b", logging.WARNING)
    assert passes("a", logging.ERROR)
    assert not passes("a", logging.WARNING)


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    repeats = Repeats(clock)
    for number in range(10_000):
        repeats.filter(logging.LogRecord(f"logger {number}", logging.WARNING, "file", 1, "text", None, None))
    assert len(repeats._seen) <= 2_000
