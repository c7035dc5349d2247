"""What an operator does on the admin's pages, what it leaves in the log, and who may do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from market.desk import symbols as desk_symbols
from market.models import Collector, CollectorWish, Job, Symbol
from market.services.jobs import job_take, job_wish
from tests.support.candles import make_symbol

pytestmark = pytest.mark.django_db
TRACK_PAGE = "admin:market_symbol_track"


def wish(client: Client, symbol: Symbol, name: str) -> Any:
    return client.post(reverse("admin:market_symbol_wish", args=[symbol.pk, name]), follow=True)


@pytest.mark.parametrize("kind", list(Job.Kind))
def test_a_button_asks_for_a_job_in_the_operators_name(admin_client: Client, kind: Job.Kind) -> None:
    symbol = make_symbol(tracked=True)
    assert f"/wish/{kind.value}/" in admin_client.get(reverse("admin:market_symbol_change", args=[symbol.pk])).text
    response = wish(admin_client, symbol, kind.value)
    job = Job.objects.get()
    assert (job.symbol, job.kind, job.state, job.wished_by) == (symbol, kind.value, "waiting", "admin")
    assert f'data-job="{job.pk}" data-open' in response.text
    assert "BTCUSDT: " in response.text


def test_buttons_track_and_untrack_a_symbol(admin_client: Client) -> None:
    symbol = make_symbol()
    wish(admin_client, symbol, "track")
    assert Symbol.objects.get().is_tracked
    wish(admin_client, symbol, "untrack")
    assert not Symbol.objects.get().is_tracked


def test_a_second_job_on_a_symbol_is_refused_with_a_message(admin_client: Client) -> None:
    symbol = make_symbol(tracked=True)
    wish(admin_client, symbol, "load")
    response = wish(admin_client, symbol, "verify")
    assert "BTCUSDT has “load what is missing” (waiting) already" in response.text
    assert Job.objects.count() == 1


def test_an_action_on_many_symbols_does_what_it_can_and_says_what_it_cannot(admin_client: Client) -> None:
    busy, free = make_symbol("BTCUSDT"), make_symbol("ETHUSDT")
    job_wish(symbol=busy, kind=Job.Kind.LOAD, wished_by="alice")
    chosen = {"action": "repair", "_selected_action": [str(busy.pk), str(free.pk)]}
    text = admin_client.post(reverse("admin:market_symbol_changelist"), chosen, follow=True).text
    assert "ETHUSDT: repair asked for." in text
    assert "BTCUSDT has “load what is missing” (waiting) already" in text
    assert Job.objects.get(symbol=free).kind == "repair"


def test_what_an_operator_does_is_in_the_log(admin_client: Client) -> None:
    symbol = make_symbol()
    wish(admin_client, symbol, "track")
    wish(admin_client, symbol, "verify")
    admin_client.post(reverse("admin:market_job_withdraw", args=[Job.objects.get().pk]))
    admin_client.post(reverse("admin:market_collector_wish", args=["restart"]))
    entries = LogEntry.objects.order_by("id").values_list("user__username", "content_type__model", "change_message")
    assert list(entries) == [
        ("admin", "symbol", "tracked from now on"),
        ("admin", "symbol", "verification asked for"),
        ("admin", "job", "withdrawn"),
        ("admin", "collectorwish", "every collector starts anew"),
    ]


def test_a_job_is_withdrawn_once(admin_client: Client) -> None:
    job = job_wish(symbol=make_symbol(), kind=Job.Kind.LOAD, wished_by="alice")
    address = reverse("admin:market_job_withdraw", args=[job.pk])
    assert "is withdrawn." in admin_client.post(address, follow=True).text
    assert "has ended already." in admin_client.post(address, follow=True).text
    assert Job.objects.get().state == "withdrawn"


def test_a_page_learns_how_far_its_jobs_are(admin_client: Client) -> None:
    job_wish(symbol=make_symbol(), kind=Job.Kind.VERIFY, wished_by="alice")
    job = job_take()
    assert job is not None
    Job.objects.update(steps=4, steps_done=1, text="<b>1</b> minute read\nand more")
    address = reverse("admin:market_job_progress")
    reply = admin_client.get(address, {"id": [str(job.pk), str(job.pk + 1), "x", "9" * 30]})
    (cell,) = reply.json().values()
    assert list(reply.json()) == [str(job.pk)]
    assert '<progress max="100" value="25.00"' in cell
    assert "&lt;b&gt;1&lt;/b&gt; minute read</div>" in cell
    assert "data-open" in cell
    Job.objects.update(state=Job.State.DONE)
    assert "data-open" not in admin_client.get(address, {"id": job.pk}).json()[str(job.pk)]


def test_a_symbol_is_tracked_by_choosing_it_from_the_exchanges_list(admin_client: Client) -> None:
    listed, tracked = make_symbol("ETHUSDT"), make_symbol("BTCUSDT", tracked=True)
    make_symbol("OWNUSDT", status="")
    page = admin_client.get(reverse(TRACK_PAGE)).text
    assert 'data-ajax--url="/admin/autocomplete/"' in page
    query = {"app_label": "market", "model_name": "job", "field_name": "symbol", "term": "usdt"}
    found = admin_client.get(reverse("admin:autocomplete"), query).json()["results"]
    assert found == [{"id": str(listed.pk), "text": "ETHUSDT"}]
    refused = admin_client.post(reverse(TRACK_PAGE), {"symbol": tracked.pk})
    assert "it is tracked already" in refused.text
    done = admin_client.post(reverse(TRACK_PAGE), {"symbol": listed.pk, "backfill_from": "2024-05-01"}, follow=True)
    assert "ETHUSDT: tracked from now on." in done.text
    listed.refresh_from_db()
    assert (listed.is_tracked, str(listed.backfill_from)) == (True, "2024-05-01 00:00:00+00:00")


def test_a_day_that_no_candle_can_have_is_refused(admin_client: Client) -> None:
    symbol = make_symbol()
    for day in ("1969-12-31", "tomorrow"):
        response = admin_client.post(reverse(TRACK_PAGE), {"symbol": symbol.pk, "backfill_from": day})
        assert (response.status_code, "errorlist" in response.text) == (200, True)
    assert not Symbol.objects.get().is_tracked


def test_without_a_list_any_name_that_could_be_one_is_taken(admin_client: Client, settings: Settings) -> None:
    settings.BINANCE_REST_URL = ""
    for name in ("BTC/USDT", "BTC USDT", ""):
        assert "errorlist" in admin_client.post(reverse(TRACK_PAGE), {"symbol": name}).text
    admin_client.post(reverse(TRACK_PAGE), {"symbol": "btcusdt"})
    assert [(symbol.name, symbol.is_tracked) for symbol in Symbol.objects.all()] == [("BTCUSDT", True)]


def test_a_list_that_was_never_read_is_explained(admin_client: Client) -> None:
    assert "has not been read yet" in admin_client.get(reverse(TRACK_PAGE)).text
    make_symbol()
    assert "has not been read yet" not in admin_client.get(reverse(TRACK_PAGE)).text


def test_who_may_only_look_sees_no_buttons_and_cannot_act(staff: Callable[..., Client]) -> None:
    client = staff("view_symbol", "view_collector", "view_job")
    symbol, collector = make_symbol(tracked=True), Collector.objects.create(host="here", pid=7)
    job = job_wish(symbol=symbol, kind=Job.Kind.LOAD, wished_by="alice")
    text = client.get(reverse("admin:market_symbol_change", args=[symbol.pk])).text
    assert "everything" not in text
    assert "/wish/" not in text
    assert "/withdraw/" not in text
    assert "/wish/" not in client.get(reverse("admin:market_collector_changelist")).text
    assert reverse(TRACK_PAGE) not in client.get(reverse("admin:market_symbol_changelist")).text
    for address in (
        reverse("admin:market_symbol_wish", args=[symbol.pk, "untrack"]),
        reverse("admin:market_job_withdraw", args=[job.pk]),
        reverse("admin:market_collector_wish", args=["shutdown"]),
        reverse(TRACK_PAGE),
    ):
        assert client.post(address).status_code == 403
    for action in ("untrack", "verify"):
        chosen = {"action": action, "_selected_action": [str(symbol.pk)], "confirmed": "yes"}
        client.post(reverse("admin:market_symbol_changelist"), chosen)
    client.post(reverse("admin:market_job_changelist"), {"action": "withdraw", "_selected_action": [str(job.pk)]})
    client.post(reverse("admin:market_collector_changelist"), {"action": "x", "_selected_action": [str(collector.pk)]})
    assert Symbol.objects.get().is_tracked
    assert Job.objects.get().state == "waiting"
    assert not CollectorWish.objects.exists()


def test_who_may_change_symbols_can_act_on_them_and_not_on_collectors(staff: Callable[..., Client]) -> None:
    client = staff("view_symbol", "change_symbol")
    symbol = make_symbol()
    wish(client, symbol, "track")
    wish(client, symbol, "load")
    assert Symbol.objects.get().is_tracked
    assert client.post(reverse("admin:market_job_withdraw", args=[Job.objects.get().pk])).status_code == 302
    assert Job.objects.get().state == "withdrawn"
    assert client.post(reverse("admin:market_collector_wish", args=["restart"])).status_code == 403


def test_who_may_look_at_nothing_gets_no_progress_and_no_calendar(staff: Callable[..., Client]) -> None:
    client = staff("view_collector")
    symbol = make_symbol()
    assert client.get(reverse("admin:market_job_progress"), {"id": 1}).status_code == 403
    assert client.get(reverse("admin:market_symbol_days", args=[symbol.pk])).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        ("admin:market_symbol_wish", [1, "track"]),
        ("admin:market_job_withdraw", [1]),
    ],
)
def test_nothing_is_done_by_following_a_link(admin_client: Client, address: tuple[str, list[Any]]) -> None:
    assert admin_client.get(reverse(address[0], args=address[1])).status_code == 405


def test_what_another_page_posts_is_refused(admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    symbol = make_symbol()
    for address in (
        reverse("admin:market_symbol_wish", args=[symbol.pk, "track"]),
        reverse("admin:market_collector_wish", args=["shutdown"]),
        reverse(TRACK_PAGE),
    ):
        assert client.post(address, {"symbol": symbol.pk}).status_code == 403
    assert not Symbol.objects.get().is_tracked
    assert not CollectorWish.objects.exists()


def test_what_is_not_there_is_not_found(admin_client: Client) -> None:
    symbol = make_symbol()
    for name, arguments in (
        ("admin:market_symbol_wish", [symbol.pk, "nosuch"]),
        ("admin:market_symbol_wish", [symbol.pk + 1, "track"]),
        ("admin:market_job_withdraw", [1]),
        ("admin:market_collector_wish", ["nosuch"]),
    ):
        assert admin_client.post(reverse(name, args=arguments)).status_code == 404


def test_a_database_that_fails_in_the_middle_is_a_message(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(desk_symbols, "symbol_track", fail)
    response = wish(admin_client, make_symbol(), "track")
    assert response.status_code == 200
    assert "BTCUSDT: the database did not take it; try again in a moment" in response.text
    assert "deadlock" not in response.text
    assert not LogEntry.objects.exists()
