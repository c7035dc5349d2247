"""Jobs: what operators have asked for, how far it is, and what came of it."""

from __future__ import annotations

from typing import Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from market.desk.base import ReadOnlyAdmin
from market.desk.formats import job_cell
from market.models import Job
from market.services.jobs import job_withdraw

# More than a page shows.
_MOST_ASKED: Final = 200


class JobAdmin(ReadOnlyAdmin):
    list_display = ("kind", "symbol_link", "progress", "wished_by", "wished_at", "ended_at")
    list_filter = ("state", "kind", "wished_at")
    list_select_related = ("symbol",)
    search_fields = ("symbol__name", "wished_by")
    show_full_result_count = False
    actions = ("withdraw",)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """A job is something that is done to a symbol."""
        return bool(request.user.has_perm("market.change_symbol"))

    def get_urls(self) -> list[URLPattern]:
        return [
            path("progress/", self.admin_site.admin_view(self.progress_view), name="market_job_progress"),
            path("<int:job_id>/withdraw/", self.operating(self.withdraw_view), name="market_job_withdraw"),
            *super().get_urls(),
        ]

    @admin.display(description="symbol", ordering="symbol__name")
    def symbol_link(self, job: Job) -> SafeString:
        address = reverse("admin:market_symbol_change", args=[job.symbol_id])
        return format_html('<a href="{}">{}</a>', address, job.symbol.name)

    @admin.display(description="state")
    def progress(self, job: Job) -> SafeString:
        return job_cell(job)

    def progress_view(self, request: HttpRequest) -> HttpResponse:
        """GET ?id=1&id=2: the cells of these jobs as they are now, ``{"1": html}``; unknown ones are absent."""
        if not (self.has_view_permission(request) or request.user.has_perm("market.view_symbol")):
            return JsonResponse({}, status=403)
        ids = [int(text) for text in request.GET.getlist("id")[:_MOST_ASKED] if text.isdecimal() and len(text) < 19]
        cells = {job.pk: job_cell(job) for job in Job.objects.filter(id__in=ids)}
        return JsonResponse(cells, headers={"Cache-Control": "no-store"})

    @admin.action(permissions=["operate"], description="Withdraw: do not begin, or stop")
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        for job in queryset.select_related("symbol"):
            self._withdraw(request, job)

    def withdraw_view(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """POST: withdraw a job, then back to its symbol."""
        job = Job.objects.filter(id=job_id).select_related("symbol").first()
        if job is None:
            raise Http404
        self._withdraw(request, job)
        return redirect(reverse("admin:market_symbol_change", args=[job.symbol_id]))

    def _withdraw(self, request: HttpRequest, job: Job) -> None:
        what = f"{job.symbol.name}: {job.get_kind_display()}"
        if job_withdraw(job_id=job.pk):
            self.log_change(request, job, "withdrawn")
            self.message_user(request, f"{what} is withdrawn.", messages.SUCCESS)
        else:
            self.message_user(request, f"{what} has ended already.", messages.WARNING)
