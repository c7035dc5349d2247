"""What the operator's pages have in common: nothing is edited, wishes are taken by POST, logged and answered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from market.services.jobs import JobOpen
from market.services.symbols import ListNotLoaded, NotListed

logger = logging.getLogger(__name__)

# Each with a text that tells the operator what to do.
_REFUSALS: Final = (NotListed, ListNotLoaded, JobOpen)
_TOLD: Final = 5


class View(Protocol):
    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse: ...


# Generic for the type checker only: Django's class takes no parameter when the program runs.
class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at. What changes them asks for the permission `operate`."""

    class Media:
        css = {"all": ("desk/desk.css",)}  # noqa: RUF012  # Django's own form.
        js = ("desk/desk.js",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Django's own permission to change these rows, which is not used otherwise."""
        return super().has_change_permission(request)

    def looking(self, view: View) -> View:
        """The view for those who may look at these rows."""

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_view_permission(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return self.admin_site.admin_view(guarded)

    def operating(self, view: View, *, only_post: bool = True) -> View:
        """The view for those who may operate."""

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_operate_permission(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return self.admin_site.admin_view(require_POST(guarded) if only_post else guarded)

    def carry_out(
        self, request: HttpRequest, rows: Sequence[Model], act: Callable[[Any], object], done: str, name: str = ""
    ) -> None:
        """Do something to each row, write it into the log of the admin, and say how it went.

        `done` is what the log says, and the message after the number of rows or the only row's name (or `name`). What
        is refused or fails is said as well, row by row; the others are done all the same.
        """
        failures, names = [], []
        for row in rows:
            try:
                with transaction.atomic():
                    act(row)
                    self.log_change(request, row, done)
            except _REFUSALS as refusal:
                failures.append(str(refusal))
            except (DatabaseError, InterfaceError) as error:
                logger.warning("%s of %s failed: %s", done, row, error)
                failures.append(f"{row}: the database did not take it; try again in a moment")
            else:
                names.append(name or str(row))
        if names:
            what = names[0] if len(names) == 1 else f"{len(names)} {self.opts.verbose_name_plural}"
            self.message_user(request, f"{what}: {done}.", messages.SUCCESS)
        for failure in failures[:_TOLD]:
            self.message_user(request, failure, messages.ERROR)
        if len(failures) > _TOLD:
            self.message_user(request, f"and {len(failures) - _TOLD} more were refused", messages.ERROR)
