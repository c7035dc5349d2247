"""The operator's pages, as a browser with a session sees them."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any

import pytest
from django.db.models import Model
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from market.domain.source import Source
from market.domain.window import to_datetime
from market.models import LEASE, ArchiveFile, Collector, CollectorShard, CollectorWish, Job, LedgerDay, Symbol
from market.services.collectors import collectors_shutdown
from market.services.jobs import job_wish
from tests.support.candles import issue, load, make_symbol, ms, random_frame
from tests.support.database import query

pytestmark = pytest.mark.django_db
MODELS = (Symbol, LedgerDay, ArchiveFile, Collector, Job)


def make_rows() -> None:
    """One row, or more, of every model that has pages."""
    symbol = make_symbol("BTCUSDT", tracked=True)
    load(
        symbol, random_frame(1, ms("2024-01-01"), 1_440), Source.MONTHLY, file=issue("monthly/BTCUSDT.zip", "a", 1_440)
    )
    collector = Collector.objects.create(host="here", pid=7)
    CollectorShard.objects.create(number=5, holder=collector)
    job_wish(symbol=symbol, kind=Job.Kind.LOAD, wished_by="alice")


def page(model: type[Model], kind: str = "changelist", *arguments: object) -> str:
    return reverse(f"admin:market_{model._meta.model_name}_{kind}", args=arguments)


def take(client: Client, action: str, *rows: Model, **fields: str) -> Any:
    """Take an action on the chosen rows, as the form of the list does; the list afterwards."""
    chosen = {"action": action, "index": "0", "_selected_action": [str(row.pk) for row in rows], **fields}
    return client.post(page(type(rows[0])), chosen, follow=True)


@pytest.mark.parametrize("model", MODELS)
def test_every_list_answers(admin_client: Client, model: type[Model]) -> None:
    make_rows()
    assert admin_client.get(page(model)).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_every_row_can_be_looked_at_and_not_saved(admin_client: Client, model: type[Model]) -> None:
    make_rows()
    row = model._default_manager.first()
    assert row is not None
    address = page(model, "change", row.pk)
    response = admin_client.get(address)
    assert response.status_code == 200
    assert b'name="_save"' not in response.content
    assert admin_client.post(address, {}).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_no_row_can_be_added_or_deleted(admin_client: Client, model: type[Model]) -> None:
    make_rows()
    row = model._default_manager.first()
    assert row is not None
    assert admin_client.get(page(model, "add")).status_code == 403
    assert admin_client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    take(admin_client, "delete_selected", row)
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", MODELS)
def test_nobody_sees_a_list_without_logging_in(client: Client, model: type[Model]) -> None:
    response = client.get(page(model))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:login"))


def test_symbols_are_found_by_name_and_by_filters(admin_client: Client) -> None:
    make_symbol("BTCUSDT", tracked=True)
    make_symbol("ETHUSDT")
    make_symbol("OLDUSDT", status="SETTLING")

    def names(**query: str) -> list[str]:
        return [row.name for row in admin_client.get(page(Symbol), query).context["cl"].result_list]

    assert names() == ["BTCUSDT", "ETHUSDT", "OLDUSDT"]
    assert names(q="eth") == ["ETHUSDT"]
    assert names(is_tracked__exact="1") == ["BTCUSDT"]
    assert names(status__exact="SETTLING") == ["OLDUSDT"]


def cells(text: str, column: str) -> dict[str, str]:
    """What a column of the list of symbols says of each, by name."""
    rows = {}
    for row in text.split("<tr>")[1:]:
        name = re.search(r'class="field-name"><a [^>]*>([^<]*)</a>', row)
        cell = re.search(rf'<td class="field-{column}[^"]*">(.*?)</td>', row, re.DOTALL)
        if name and cell:
            rows[name[1]] = re.sub(r"<[^>]*>", "", cell[1]).strip()
    return rows


def test_the_list_says_how_whole_and_how_fresh_a_tracked_symbol_is(admin_client: Client, settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 1, 1)
    symbol = make_symbol("BTCUSDT", tracked=True, delivery_at=to_datetime(ms("2024-01-05")))
    load(symbol, random_frame(1, ms("2024-01-01"), 1_440 + 1_400))
    load(make_symbol("ETHUSDT"), random_frame(2, ms("2024-01-01"), 1_440))
    text = admin_client.get(page(Symbol)).content.decode()
    assert cells(text, "history") == {"BTCUSDT": "25 %", "ETHUSDT": "-"}
    assert cells(text, "gaps") == {"BTCUSDT": "40 min, 1 d", "ETHUSDT": "-"}
    assert cells(text, "data") == {"BTCUSDT": "no collector", "ETHUSDT": "-"}


def test_the_list_costs_as_many_queries_for_many_symbols_as_for_one(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        symbol = make_symbol(f"A{number:02}USDT", tracked=True)
        load(symbol, random_frame(1, ms("2024-01-01"), 1))
        job_wish(symbol=symbol, kind=Job.Kind.VERIFY, wished_by="alice")
    with django_assert_max_num_queries(14):
        admin_client.get(page(Symbol))


def test_six_hundred_symbols_with_their_years_are_listed_in_a_moment(
    admin_client: Client, settings: Settings, django_assert_max_num_queries: Any
) -> None:
    settings.DATA_START = dt.date(2024, 1, 1)
    Symbol.objects.bulk_create(
        Symbol(name=f"A{number:03}USDT", status="TRADING", is_tracked=True) for number in range(600)
    )
    query(
        "INSERT INTO market_ledgerday (symbol_id, day, state, expected, monthly_rows, live_rows, rest_rows, daily_rows,"
        " conflict_rows, is_settled, note, updated_at)"
        " SELECT id, date '2024-01-01' + day, 'archive', 1440, 1440, 0, 0, 0, 0, false, '', now()"
        "   FROM market_symbol, generate_series(0, 299) AS day RETURNING 1"
    )
    admin_client.get(page(Symbol))
    with django_assert_max_num_queries(14):
        began = time.perf_counter()
        assert len(cells(admin_client.get(page(Symbol)).text, "history")) == 100
        seconds = time.perf_counter() - began
    # Alone on the machine it takes 0.1 to 0.2 s; what costs something for each symbol or day takes many times that.
    assert seconds < 1.5


def test_track_tracks_the_chosen_symbols(admin_client: Client) -> None:
    chosen = [make_symbol("BTCUSDT"), make_symbol("ETHUSDT")]
    make_symbol("XRPUSDT")
    response = take(admin_client, "track", *chosen)
    assert "2 symbols: tracked from now on." in response.content.decode()
    assert list(Symbol.objects.filter(is_tracked=True).values_list("name", flat=True)) == ["BTCUSDT", "ETHUSDT"]


def test_untrack_asks_first_then_stops_the_chosen_symbols_and_keeps_their_candles(admin_client: Client) -> None:
    chosen = make_symbol("BTCUSDT", tracked=True)
    make_symbol("ETHUSDT", tracked=True)
    load(chosen, random_frame(1, ms("2024-01-01"), 5))
    assert "Stop collecting" in take(admin_client, "untrack", chosen).content.decode()
    assert Symbol.objects.filter(is_tracked=True).count() == 2
    take(admin_client, "untrack", chosen, confirmed="yes")
    assert list(Symbol.objects.filter(is_tracked=True).values_list("name", flat=True)) == ["ETHUSDT"]
    assert len(admin_client.get("/api/klines/BTCUSDT").json()["data"]) == 5


def test_days_are_found_by_symbol_and_state(admin_client: Client) -> None:
    load(make_symbol("BTCUSDT"), random_frame(1, ms("2024-01-01"), 1_440))
    load(make_symbol("ETHUSDT"), random_frame(2, ms("2024-01-01"), 1_440 + 5))

    def found(**query: str) -> list[tuple[str, str]]:
        rows = admin_client.get(page(LedgerDay), query).context["cl"].result_list
        return [(row.symbol.name, row.state) for row in rows]

    assert found() == [("ETHUSDT", "partial"), ("BTCUSDT", "archive"), ("ETHUSDT", "archive")], "the newest day first"
    assert found(q="ETH") == [("ETHUSDT", "partial"), ("ETHUSDT", "archive")]
    assert found(state__exact="partial") == [("ETHUSDT", "partial")]


def test_a_collector_that_was_killed_is_told_from_one_that_is_alive(admin_client: Client) -> None:
    Collector.objects.create(host="gone", pid=1, seen_at=Now() - LEASE - dt.timedelta(seconds=50))
    Collector.objects.create(host="here", pid=2)
    text = admin_client.get(page(Collector)).content.decode()
    rows = {row.split("</a>")[0].rsplit(">", 1)[-1]: row for row in text.split("<tr>") if "field-heartbeat" in row}
    assert "gone for 60 s" in rows["gone:1"]
    assert re.search(r"0\.\d s ago", rows["here:2"])


def test_the_list_of_collectors_says_what_is_wished(admin_client: Client) -> None:
    assert "Collectors shall run" in admin_client.get(page(Collector)).content.decode()
    collectors_shutdown()
    assert "Collectors shall stand still" in admin_client.get(page(Collector)).content.decode()


@pytest.mark.parametrize(
    ("wish", "is_running", "generation"), [("restart", True, 1), ("start", True, 0), ("shutdown", False, 0)]
)
def test_what_collectors_shall_do_is_asked_first_and_then_wished(
    admin_client: Client, wish: str, is_running: bool, generation: int
) -> None:
    # What the wish must change: standing still for those that let run, and the other way round.
    CollectorWish.objects.create(id=1, is_running=not is_running)
    address = reverse("admin:market_collector_wish", args=[wish])
    assert f'href="{address}"' in admin_client.get(page(Collector)).content.decode()
    assert admin_client.get(address).status_code == 200
    assert CollectorWish.objects.get().is_running is not is_running
    assert "Wished: " in admin_client.post(address, follow=True).content.decode()
    found = CollectorWish.objects.get()
    assert (found.is_running, found.generation) == (is_running, generation)
