"""What waits for one socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from market.live.outbox import MAX_ANSWERS, MAX_CLOSED, Outbox


async def taken(outbox: Outbox) -> list[str]:
    return [await outbox.take() for _ in range(len(outbox))]


async def test_the_newest_forming_bar_of_a_series_takes_the_place_of_the_one_that_waits() -> None:
    outbox = Outbox()
    outbox.forming("btc", "btc 1")
    outbox.forming("eth", "eth 1")
    outbox.forming("btc", "btc 2")
    assert await taken(outbox) == ["btc 2", "eth 1"]


async def test_closed_bars_keep_their_order_and_come_before_forming_ones() -> None:
    outbox = Outbox()
    outbox.forming("eth", "forming")
    outbox.closed("btc", "first")
    outbox.closed("btc", "second")
    assert await taken(outbox) == ["first", "second", "forming"]


async def test_answers_come_before_bars_and_keep_their_order() -> None:
    outbox = Outbox()
    outbox.forming("btc", "forming")
    outbox.closed("btc", "closed", ends_forming=False)
    outbox.answer("first")
    outbox.answer("second")
    assert await taken(outbox) == ["first", "second", "closed", "forming"]


async def test_a_closed_bar_ends_the_forming_one_of_its_series() -> None:
    outbox = Outbox()
    outbox.forming("btc", "forming")
    outbox.closed("btc", "closed")
    assert await taken(outbox) == ["closed"]


async def test_a_late_closed_bar_leaves_the_forming_one_of_a_later_bar() -> None:
    outbox = Outbox()
    outbox.forming("btc", "forming")
    outbox.closed("btc", "closed", ends_forming=False)
    assert await taken(outbox) == ["closed", "forming"]


async def test_too_many_closed_bars_are_a_reason_to_close_and_never_dropped_in_between() -> None:
    outbox = Outbox()
    for number in range(MAX_CLOSED):
        outbox.closed("btc", str(number))
    full = outbox.is_over
    outbox.closed("btc", "one more")
    assert (full, outbox.is_over) == (False, True)
    assert await taken(outbox) == [str(number) for number in range(MAX_CLOSED)]


async def test_a_series_that_is_no_longer_wanted_leaves_nothing() -> None:
    outbox = Outbox()
    outbox.closed("btc", "btc")
    outbox.closed("eth", "eth")
    outbox.forming("btc", "btc")
    outbox.forget(["btc"])
    assert await taken(outbox) == ["eth"]


async def test_the_writer_is_woken_by_each_kind_of_frame() -> None:
    puts: list[Callable[[Outbox], None]] = [
        lambda box: box.answer("x"),
        lambda box: box.closed("s", "x"),
        lambda box: box.forming("s", "x"),
    ]
    for put in puts:
        outbox = Outbox()
        writer = asyncio.create_task(outbox.take())
        await asyncio.sleep(0)
        put(outbox)
        assert await asyncio.wait_for(writer, 5) == "x"


async def test_the_reader_waits_while_many_answers_wait() -> None:
    outbox = Outbox()
    for _ in range(MAX_ANSWERS + 1):
        outbox.answer("pong")
    reader = asyncio.create_task(outbox.room_for_answers())
    await asyncio.sleep(0)
    assert not reader.done()
    await outbox.take()
    await asyncio.wait_for(reader, 5)


async def test_catching_up_waits_until_its_page_was_sent() -> None:
    outbox = Outbox()
    outbox.closed("btc", "1")
    outbox.closed("btc", "2")
    page = asyncio.create_task(outbox.room())
    await outbox.take()
    await asyncio.sleep(0)
    assert not page.done()
    await outbox.take()
    await asyncio.wait_for(page, 5)
