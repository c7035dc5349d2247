"""The tests' own client falls into the traps that charts fall into; otherwise it would prove nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.udf_client import Bar, Failed, Hangs, Subscription, UdfClient

PAGE = '{"detail":"Not found."}'
HTML = "<!doctype html><title>Server Error (500)</title>"


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> UdfClient:
    return UdfClient("http://datafeed", httpx.Client(transport=httpx.MockTransport(answer)))


def always(text: str, status: int = 200) -> UdfClient:
    """A client of a server that has one answer."""
    return client_of(lambda _: httpx.Response(status, text=text))


def history(client: UdfClient) -> list[Bar]:
    return client.history("X", "1", start=0, end=60).bars


def test_without_a_config_it_guesses_a_datafeed_without_search() -> None:
    assert always(HTML, 404).start()["supports_search"] is False


@pytest.mark.parametrize("config", ["{}", '{"supports_search":false}', '{"s":"error","errmsg":"x"}'])
def test_a_config_without_search_or_groups_hangs_the_chart(config: str) -> None:
    with pytest.raises(Hangs):
        always(config).start()


def test_a_time_that_is_an_object_never_arrives() -> None:
    with pytest.raises(Hangs):
        always('{"time":1}').server_time()
    assert always("1445324591").server_time() == 1_445_324_591


def test_a_missing_symbol_in_a_foreign_form_becomes_a_bogus_symbol() -> None:
    found = always(PAGE, 404).resolve("NOPE")
    assert (found.name, found.base_name) == (None, "undefined:undefined")


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("body", ['{"s":"error","errmsg":"x"}', '{"s":"ok","name":"BTCUSDT"}'])
def test_any_s_in_a_description_is_a_failure(status: int, body: str) -> None:
    with pytest.raises(Failed, match="unknown_symbol"):
        always(body, status).resolve("BTCUSDT")


def test_without_multipliers_a_chart_builds_hours_from_its_own_list() -> None:
    assert "240" not in always('{"name":"X"}').resolve("X").intraday_multipliers


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"detail":"x"}', ""),
        ('{"s":"error","errmsg":"why"}', "why"),
        (HTML, "not JSON"),
        ('{"s":"ok","t":[NaN]}', "NaN"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_failed_history_is_told_by_its_body_alone(body: str, message: str, status: int) -> None:
    with pytest.raises(Failed, match=f"^{message}$" if message in {"", "why"} else message):
        history(always(body, status))


def test_an_empty_page_makes_the_chart_ask_for_ever() -> None:
    with pytest.raises(Hangs):
        list(always('{"s":"ok","t":[],"c":[]}').pages_back("X", "1", end=60, countback=5, most=20))


def test_a_volume_of_null_is_not_a_number() -> None:
    (bar,) = history(always('{"s":"ok","t":[60],"c":[1],"v":[null]}'))
    assert math.isnan(bar.volume)


def test_columns_beyond_the_protocol_are_ignored_and_absent_prices_are_the_close() -> None:
    assert history(always('{"s":"ok","t":[60],"c":[2],"nv":[9]}')) == [Bar(60_000, 2, 2, 2, 2, 0)]


def test_a_failed_search_finds_nothing_and_a_paged_one_garbage() -> None:
    assert always('{"s":"error"}').search("x") == []
    assert always('{"count":1,"results":[]}').search("x") == {"count": 1, "results": []}


def test_failed_quotes_are_told() -> None:
    with pytest.raises(Failed, match="why"):
        always('{"s":"error","errmsg":"why"}').quotes("X")


def subscription(*pages: list[int]) -> Subscription:
    """One that is answered with bars at these times (minutes), one page a round."""
    rest = list(pages)

    def answer(request: httpx.Request) -> httpx.Response:
        asked: dict[str, Any] = dict(request.url.params)
        assert (asked["countback"], int(asked["to"]) - int(asked["from"])) == ("2", 600)
        times = rest.pop(0)
        return httpx.Response(200, text=json.dumps({"s": "ok", "t": [at * 60 for at in times], "c": [1] * len(times)}))

    return Subscription(client_of(answer), "X", "1")


def told(bars: list[Bar]) -> list[int]:
    return [bar.time // 60_000 for bar in bars]


def test_a_new_bar_is_told_with_the_end_of_the_one_before_it() -> None:
    polled = subscription([1, 2], [1, 2], [2, 3])
    assert [told(polled.poll(0)) for _ in range(3)] == [[2], [2], [2, 3]]


def test_a_new_bar_alone_is_a_failure() -> None:
    polled = subscription([1, 2], [3])
    polled.poll(0)
    with pytest.raises(Failed, match="the bar before"):
        polled.poll(0)


def test_an_older_bar_is_ignored() -> None:
    polled = subscription([4, 5], [3, 4])
    polled.poll(0)
    assert polled.poll(0) == []
