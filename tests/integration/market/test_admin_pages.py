"""The admin's own pages: the overview, the calendar of days, and what they do without their services."""

from __future__ import annotations

import datetime as dt
import re
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from market.domain.source import Source
from market.domain.window import to_datetime
from market.models import Collector, Job, LedgerDay, Symbol
from market.services.jobs import job_wish
from tests.support.candles import issue, load, make_symbol, ms, random_frame
from tests.support.database import no_database


def days_page(client: Client, symbol: Symbol, **query: str) -> str:
    response = client.get(reverse("admin:market_symbol_days", args=[symbol.pk]), query)
    assert response.status_code == 200
    return response.text


def day_cells(text: str) -> dict[str, tuple[str, bool]]:
    """State and whether it stands out, of each day of the calendar."""
    found = re.findall(r'class="desk-day desk-day-(\w+)( desk-chosen)?" href="\?day=([\d-]+)#chosen" title="', text)
    return {day: (state, bool(chosen)) for state, chosen, day in found}


@pytest.fixture
def symbol(db: None, settings: Settings) -> Symbol:
    """Four days: one from a monthly file, one of which 40 minutes are missing, one not loaded, one by the stream."""
    settings.DATA_START = dt.date(2024, 1, 31)
    symbol = make_symbol(tracked=True, delivery_at=to_datetime(ms("2024-02-04")))
    load(symbol, random_frame(1, ms("2024-01-31"), 1_440), Source.MONTHLY, file=issue("monthly/JAN.zip", "a", 1_440))
    load(symbol, random_frame(2, ms("2024-02-01"), 1_400))
    load(symbol, random_frame(3, ms("2024-02-03"), 1_440), Source.LIVE)
    return symbol


def test_the_calendar_has_a_cell_for_each_wanted_day_with_its_state_in_words(
    admin_client: Client, symbol: Symbol
) -> None:
    text = days_page(admin_client, symbol)
    assert day_cells(text) == {
        "2024-02-01": ("partial", False),
        "2024-02-02": ("missing", False),
        "2024-02-03": ("live", False),
        "2024-01-31": ("archive", False),
    }
    said = "2024-01-31: archive, 1,440 of 1,440 minutes (1,440 monthly)"
    assert f'title="{said}"><span class="visually-hidden">{said}</span>' in text
    assert "4280 of 5760 minutes are stored" in text


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ({"state": "partial"}, {"2024-02-01"}),
        ({"month": "2024-02"}, {"2024-02-01", "2024-02-02", "2024-02-03"}),
        ({"day": "2024-01-31"}, {"2024-01-31"}),
        ({"month": "2024-02", "state": "archive"}, set()),
    ],
)
def test_days_are_chosen_by_state_and_month(
    admin_client: Client, symbol: Symbol, query: dict[str, str], chosen: set[str]
) -> None:
    text = days_page(admin_client, symbol, **query)
    assert {day for day, (_, is_chosen) in day_cells(text).items() if is_chosen} == chosen
    listed = re.findall(r'<li><a href="\?day=([\d-]+)#chosen">', text)
    assert listed == sorted(chosen, reverse=True)


def test_a_chosen_day_tells_its_file_and_what_happened(admin_client: Client, symbol: Symbol) -> None:
    LedgerDay.objects.filter(day="2024-01-31").update(note="first <line>\nsecond")
    text = days_page(admin_client, symbol, day="2024-01-31")
    assert "monthly/JAN.zip" in text
    assert "first &lt;line&gt;\nsecond" in text


@pytest.mark.parametrize("query", [{"state": "lost"}, {"month": "2024-13"}, {"day": "soon"}, {"month": "9999-01"}])
def test_an_address_that_no_page_links_to_is_not_found(
    admin_client: Client, symbol: Symbol, query: dict[str, str]
) -> None:
    address = reverse("admin:market_symbol_days", args=[symbol.pk])
    assert admin_client.get(address, query).status_code == 404
    assert admin_client.get(reverse("admin:market_symbol_days", args=[symbol.pk + 1])).status_code == 404


def test_a_symbol_of_which_nothing_is_known_has_an_empty_calendar(admin_client: Client) -> None:
    assert "Nothing is stored or wanted of ETHUSDT." in days_page(admin_client, make_symbol("ETHUSDT"))


def test_the_calendar_leads_to_the_symbols_days_and_files(admin_client: Client, symbol: Symbol) -> None:
    load(make_symbol("ETHUSDT"), random_frame(4, ms("2024-01-31"), 1_440))
    text = days_page(admin_client, symbol)
    for model, rows in (("ledgerday", 3), ("archivefile", 1)):
        address = f"{reverse(f'admin:market_{model}_changelist')}?of={symbol.pk}"
        assert address in text
        response = admin_client.get(address)
        assert len(response.context["cl"].result_list) == rows
        assert "By symbol" in response.text
    for nonsense in ("x", "9" * 30, str(symbol.pk + 7)):
        assert admin_client.get(reverse("admin:market_ledgerday_changelist"), {"of": nonsense}).status_code == 200


def test_the_symbols_page_tells_its_state_its_gaps_and_its_jobs(admin_client: Client, symbol: Symbol) -> None:
    job_wish(symbol=symbol, kind=Job.Kind.VERIFY, wished_by="alice")
    text = admin_client.get(reverse("admin:market_symbol_change", args=[symbol.pk])).text
    assert "2 of 4 days" in text
    assert re.search(r">2024-02-01</a>:\s+40 minutes", text)
    assert "by alice" in text
    assert "/withdraw/" in text


def tile(text: str, name: str) -> str:
    found = re.search(rf'<span class="desk-tile-name">{name}</span>\s*<strong>([^<]*)</strong>', text)
    assert found is not None
    return found[1]


def test_the_overview_says_how_things_are(admin_client: Client, settings: Settings) -> None:
    text = admin_client.get(reverse("admin:index")).text
    assert (tile(text, "Symbols"), tile(text, "Collectors"), tile(text, "Gaps")) == ("0", "0", "0")
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    symbol = make_symbol(tracked=True)
    load(symbol, random_frame(1, ms(str(yesterday)), 1_400))
    Collector.objects.create(host="here", pid=7)
    job_wish(symbol=symbol, kind=Job.Kind.LOAD, wished_by="alice")
    text = admin_client.get(reverse("admin:index")).text
    assert {name: tile(text, name) for name in ("Symbols", "Data", "Collectors", "Gaps", "Jobs")} == {
        "Symbols": "1",
        "Data": "1 stale",
        "Collectors": "1",
        "Gaps": "40 min",
        "Jobs": "1",
    }
    assert "<title>Overview | klineproject</title>" in text


def test_the_admin_is_found_without_its_last_slash(client: Client) -> None:
    response = client.get("/admin")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_the_overview_is_for_those_who_may_look_at_symbols(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("somebody", is_staff=True))
    assert "desk-tile" not in client.get(reverse("admin:index")).text


@pytest.mark.parametrize("name", ["index", "market_symbol_changelist", "market_collector_changelist"])
@pytest.mark.django_db(transaction=True)
def test_pages_say_so_when_the_database_is_away_and_are_back_with_it(admin_client: Client, name: str) -> None:
    address = reverse(f"admin:{name}")
    with no_database():
        response = admin_client.get(address)
        assert (response.status_code, response["Retry-After"]) == (503, "2")
        assert "The database does not answer" in response.text
    assert admin_client.get(address).status_code == 200


@pytest.mark.parametrize("name", ["index", "market_symbol_changelist", "market_symbol_change", "market_symbol_days",
                                  "market_symbol_track", "market_collector_changelist"])  # fmt: skip
def test_no_page_has_a_script_of_its_own_inside(admin_client: Client, symbol: Symbol, name: str) -> None:
    arguments = [symbol.pk] if name.endswith(("change", "days")) else []
    text = admin_client.get(reverse(f"admin:{name}", args=arguments)).text
    scripts = re.findall(r"<script\b([^>]*)>(.*?)</script>", text, re.DOTALL)
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts), scripts
    assert not re.search(r'\son\w+="', text)
    assert 'style="' not in text


LOOKUPS = ("{}", "{}__contains", "{}__year")
NONSENSE = ("\0", "9" * 400, "\ud800")


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model.__name__)
def test_no_address_that_somebody_types_is_a_failure_of_ours(admin_client: Client, model: type[Model]) -> None:
    desk, options = admin.site._registry[model], model._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    names = {field.name for field in options.fields} | set(desk.get_list_filter(HttpRequest()))
    queries = [lookup.format(name) for name in names if isinstance(name, str) for lookup in LOOKUPS]
    for query in ("q", "p", "o", "all", *queries):
        for value in NONSENSE:
            encoded = quote(value, errors="surrogatepass")
            response = admin_client.get(f"{address}?{query}={encoded}")
            assert response.status_code in {200, 302, 400}, (query, value)
            if response.status_code == 400:
                assert "Traceback" not in response.text
    for value in NONSENSE:
        response = admin_client.get(f"{address}{quote(value, errors='surrogatepass')}/change/")
        assert response.status_code in {200, 302, 400, 404}, value
