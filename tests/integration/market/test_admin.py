"""The operator's pages, as a browser with a session sees them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from market.domain.source import Source
from market.domain.window import to_datetime
from market.models import LEASE, ArchiveFile, Collector, CollectorShard, CollectorWish, LedgerDay, Symbol
from market.services.collectors import collectors_shutdown
from tests.support.candles import issue, load, make_symbol, ms, random_frame

pytestmark = pytest.mark.django_db
MODELS = (Symbol, LedgerDay, ArchiveFile, Collector)


def make_rows() -> None:
    """One row, or more, of every model that has pages."""
    symbol = make_symbol("BTCUSDT", tracked=True)
    load(
        symbol, random_frame(1, ms("2024-01-01"), 1_440), Source.MONTHLY, file=issue("monthly/BTCUSDT.zip", "a", 1_440)
    )
    collector = Collector.objects.create(host="here", pid=7)
    CollectorShard.objects.create(number=5, holder=collector)


def page(model: type[Model], kind: str = "changelist", *arguments: object) -> str:
    return reverse(f"admin:market_{model._meta.model_name}_{kind}", args=arguments)


def take(client: Client, action: str, *rows: Model) -> Any:
    """Take an action on the chosen rows, as the form of the list does; the list afterwards."""
    chosen = {"action": action, "index": "0", "_selected_action": [str(row.pk) for row in rows]}
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


def test_the_list_says_how_far_a_tracked_symbols_history_has_come(admin_client: Client, settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 1, 1)
    symbol = make_symbol("BTCUSDT", tracked=True, delivery_at=to_datetime(ms("2024-01-05")))
    load(symbol, random_frame(1, ms("2024-01-01"), 1_440))
    load(make_symbol("ETHUSDT"), random_frame(2, ms("2024-01-01"), 1_440))
    text = admin_client.get(page(Symbol)).content.decode()
    assert '<td class="field-history">25 %</td><td class="field-last_day">2024-01-01</td>' in text
    assert '<td class="field-history">-</td><td class="field-last_day">-</td>' in text


def test_the_list_costs_as_many_queries_for_many_symbols_as_for_one(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        load(make_symbol(f"A{number:02}USDT", tracked=True), random_frame(1, ms("2024-01-01"), 1))
    with django_assert_max_num_queries(12):
        admin_client.get(page(Symbol))


def test_track_tracks_the_chosen_symbols(admin_client: Client) -> None:
    chosen = [make_symbol("BTCUSDT"), make_symbol("ETHUSDT")]
    make_symbol("XRPUSDT")
    response = take(admin_client, "track", *chosen)
    assert "2 symbols are tracked." in response.content.decode()
    assert list(Symbol.objects.filter(is_tracked=True).values_list("name", flat=True)) == ["BTCUSDT", "ETHUSDT"]


def test_untrack_stops_the_chosen_symbols_and_keeps_their_candles(admin_client: Client) -> None:
    chosen = make_symbol("BTCUSDT", tracked=True)
    make_symbol("ETHUSDT", tracked=True)
    load(chosen, random_frame(1, ms("2024-01-01"), 5))
    take(admin_client, "untrack", chosen)
    assert list(Symbol.objects.filter(is_tracked=True).values_list("name", flat=True)) == ["ETHUSDT"]
    assert len(admin_client.get("/api/klines/BTCUSDT").json()["data"]) == 5


def test_days_are_found_by_symbol_and_state(admin_client: Client) -> None:
    load(make_symbol("BTCUSDT"), random_frame(1, ms("2024-01-01"), 1_440))
    load(make_symbol("ETHUSDT"), random_frame(2, ms("2024-01-01"), 1_440 + 5))

    def found(**query: str) -> list[tuple[str, str]]:
        rows = admin_client.get(page(LedgerDay), query).context["cl"].result_list
        return [(row.symbol.name, row.state) for row in rows]

    assert found() == [("BTCUSDT", "archive"), ("ETHUSDT", "archive"), ("ETHUSDT", "partial")]
    assert found(q="ETH") == [("ETHUSDT", "archive"), ("ETHUSDT", "partial")]
    assert found(state__exact="partial") == [("ETHUSDT", "partial")]


def test_a_collector_that_was_killed_is_told_from_one_that_is_alive(admin_client: Client) -> None:
    Collector.objects.create(host="gone", pid=1, seen_at=Now() - LEASE - dt.timedelta(seconds=1))
    Collector.objects.create(host="here", pid=2)
    text = admin_client.get(page(Collector)).content.decode()
    rows = {row.split("</a>")[0].rsplit(">", 1)[-1]: row for row in text.split("<tr>") if "field-is_alive" in row}
    assert 'alt="False"' in rows["gone:1"].split('class="field-is_active"')[0]
    assert 'alt="True"' in rows["here:2"].split('class="field-is_active"')[0]


def test_the_list_of_collectors_says_what_is_wished(admin_client: Client) -> None:
    assert "Collectors shall run" in admin_client.get(page(Collector)).content.decode()
    collectors_shutdown()
    assert "Collectors shall stand still" in admin_client.get(page(Collector)).content.decode()


@pytest.mark.parametrize(
    ("action", "is_running", "generation"), [("restart", True, 1), ("start", True, 0), ("shutdown", False, 0)]
)
def test_an_action_on_collectors_is_a_wish(
    admin_client: Client, action: str, is_running: bool, generation: int
) -> None:
    # What the action must change: standing still for those that let run, and the other way round.
    CollectorWish.objects.create(id=1, is_running=not is_running)
    response = take(admin_client, action, Collector.objects.create(host="here", pid=7))
    assert "Wished: " in response.content.decode()
    wish = CollectorWish.objects.get()
    assert (wish.is_running, wish.generation) == (is_running, generation)


def test_who_may_only_look_cannot_act(client: Client) -> None:
    user = User.objects.create_user("looker", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_symbol", "view_collector"]))
    client.force_login(user)
    symbol, collector = make_symbol("BTCUSDT"), Collector.objects.create(host="here", pid=7)
    assert take(client, "track", symbol).status_code == 200
    assert take(client, "shutdown", collector).status_code == 200
    assert not Symbol.objects.filter(is_tracked=True).exists()
    assert not CollectorWish.objects.exists()


def test_who_may_change_rows_can_act(client: Client) -> None:
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_symbol", "change_symbol"]))
    client.force_login(user)
    take(client, "track", make_symbol("BTCUSDT"))
    assert Symbol.objects.get().is_tracked
