"""Tracking a symbol that is chosen from the exchange's list, so that no name is mistyped."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from market.domain.names import MAX_NAME, is_name
from market.domain.window import EARLIEST_MS, LATEST_MS, day_of, day_start, to_datetime
from market.models import Job, Symbol
from market.services.symbols import ListNotLoaded, NotListed, symbol_track

if TYPE_CHECKING:
    from market.desk.symbols import SymbolAdmin


class TrackForm(forms.Form):
    """One symbol, and where its history begins."""

    backfill_from = forms.DateField(
        label="History from",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="A day, UTC; nothing: the setting DATA_START. Not before the symbol was listed in any case.",
    )

    def clean_backfill_from(self) -> dt.datetime | None:
        day: dt.date | None = self.cleaned_data["backfill_from"]
        if day is None:
            return None
        start = day_start(day)
        if not EARLIEST_MS <= start < LATEST_MS:
            raise forms.ValidationError(f"a day from {day_of(EARLIEST_MS)} to {day_of(LATEST_MS - 1)} is expected")
        return to_datetime(start)


class ListedForm(TrackForm):
    """A symbol of the exchange's list that is not tracked yet."""

    field_order = ("symbol", "backfill_from")

    def __init__(self, *args: Any, admin: SymbolAdmin, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["symbol"] = forms.ModelChoiceField(
            queryset=Symbol.objects.filter(is_tracked=False).exclude(status=""),
            widget=AutocompleteSelect(Job.symbol.field, admin.admin_site),
            help_text="Type a part of the name.",
            error_messages={"invalid_choice": "The exchange does not list it, or it is tracked already."},
        )
        self.order_fields(self.field_order)

    def name(self) -> str:
        return str(self.cleaned_data["symbol"].name)


class NamedForm(TrackForm):
    """Any name: where only the archive may be asked, there is no list to choose from."""

    field_order = ("symbol", "backfill_from")
    symbol = forms.CharField(max_length=MAX_NAME, help_text="As the archive calls it, such as BTCUSDT.")

    def clean_symbol(self) -> str:
        name = str(self.cleaned_data["symbol"]).upper()
        if not is_name(name):
            raise forms.ValidationError("no spaces, slashes or control characters are expected in a name")
        return name

    def name(self) -> str:
        return str(self.cleaned_data["symbol"])


def track_page(admin: SymbolAdmin, request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: track the symbol and show it."""
    has_list = bool(settings.BINANCE_REST_URL)
    data = request.POST if request.method == "POST" else None
    form = ListedForm(data, admin=admin) if has_list else NamedForm(data)
    if form.is_valid():
        try:
            symbol = symbol_track(
                name=form.name(), backfill_from=form.cleaned_data["backfill_from"], must_be_listed=has_list
            )
        except (NotListed, ListNotLoaded) as refusal:
            form.add_error("symbol", str(refusal))
        else:
            admin.log_change(request, symbol, "tracked from now on")
            admin.message_user(request, f"{symbol}: tracked from now on.", messages.SUCCESS)
            return redirect(reverse("admin:market_symbol_change", args=[symbol.pk]))
    context = {
        **admin.admin_site.each_context(request),
        "title": "Track a symbol",
        "opts": admin.opts,
        "form": form,
        "media": admin.media + form.media,
        "is_list_empty": has_list and not Symbol.objects.exclude(status="").exists(),
    }
    return TemplateResponse(request, "admin/desk/track.html", context)
