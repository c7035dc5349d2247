"""Collectors: which there are, and what all of them shall do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.db.models import BooleanField, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from market.desk.base import ReadOnlyAdmin
from market.desk.formats import age_text, badge
from market.models import LEASE, Collector, CollectorWish
from market.services.collectors import collectors_restart, collectors_shutdown, collectors_start


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator may want of all collectors: the button, what it means, and what the log says."""

    name: str
    button: str
    meaning: str
    done: str


WISHES: Final = {
    wish.name: wish
    for wish in (
        Wish(
            "restart",
            "Restart all",
            "Every collector stores what it has and starts anew. Minutes of the pause are fetched afterwards.",
            "every collector starts anew",
        ),
        Wish(
            "shutdown",
            "Shut down all",
            "Every collector stores what it has and stands still until “Start all”. Nothing is live meanwhile.",
            "every collector stores what it has and stands still",
        ),
        Wish("start", "Start all", "Collectors that stand still run again.", "collectors run"),
    )
}
_ACTS: Final = {"restart": collectors_restart, "shutdown": collectors_shutdown, "start": collectors_start}


class CollectorAdmin(ReadOnlyAdmin):
    """The wishes are for all collectors, so they are no actions on chosen rows."""

    list_display = ("__str__", "heartbeat", "is_active", "is_connected", "connections", "symbols", "shards_held",
                    "started_at")  # fmt: skip
    actions = None
    change_list_template = "admin/market/collector/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collector]:
        return Collector.objects.annotate(
            alive=ExpressionWrapper(Q(seen_at__gt=Now() - LEASE), output_field=BooleanField()),
            silence=ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField()),
        ).prefetch_related("shards")

    def get_urls(self) -> list[URLPattern]:
        page = self.operating(self.wish_view, only_post=False)
        return [path("wish/<str:name>/", page, name="market_collector_wish"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "title": f"Collectors shall {_wish_now()}",
            "wishes": WISHES.values() if self.has_operate_permission(request) else (),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin.display(description="heartbeat", ordering="seen_at")
    def heartbeat(self, collector: Collector) -> SafeString:
        """How long ago it was heard of, by the database's clock; good within the length of a lease."""
        silence = getattr(collector, "silence", None)
        age = age_text(silence.total_seconds()) if silence is not None else "?"
        return badge(f"{age} ago", "good") if getattr(collector, "alive", False) else badge(f"gone for {age}", "bad")

    @admin.display(description="shards", empty_value="none")
    def shards_held(self, collector: Collector) -> str:
        return ", ".join(str(shard.number) for shard in collector.shards.all())

    def wish_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """GET: what the wish would do. POST: wish it."""
        wish = WISHES.get(name)
        if wish is None:
            raise Http404
        if request.method == "POST":
            self.carry_out(request, [CollectorWish(id=1)], lambda _: _ACTS[wish.name](), wish.done, "Wished")
            return redirect(reverse("admin:market_collector_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{wish.button}?",
            "opts": self.opts,
            "media": self.media,
            "wish": wish,
            "now": _wish_now(),
        }
        return TemplateResponse(request, "admin/desk/confirm_wish.html", context)


def _wish_now() -> CollectorWish:
    return CollectorWish.objects.first() or CollectorWish()
