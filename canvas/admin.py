"""Saved drawings as an operator sees them: what there is, what is in it, its versions; restored or deleted by services,
never edited by hand."""

from __future__ import annotations

import logging
from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from canvas.errors import CanvasError
from canvas.models import Document, Version
from canvas.preview import preview
from canvas.selectors import version_content, versions_list
from canvas.services import document_remove, document_restore

logger = logging.getLogger(__name__)

_DATABASE_FAILED: Final = "the database did not take it; try again in a moment"


# Generic for the type checker only: Django's class takes no parameter when the program runs.
@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who may change documents may restore a version, who may delete them may delete."""

    list_display = ("label", "kind", "owner", "scope", "title", "version", "size", "updated_at")
    list_filter = ("kind", "updated_at")
    list_select_related = ("shelf",)
    search_fields = ("shelf__owner", "name", "title", "scope", "symbol")
    search_help_text = "an owner, a symbol, a name or a title"
    ordering = ("-updated_at",)
    show_full_result_count = False
    fields = (
        ("kind", "owner", "client"),
        ("scope", "name", "title"),
        ("symbol", "resolution"),
        ("version", "size"),
        ("created_at", "updated_at"),
    )
    change_form_template = "admin/canvas/document/change_form.html"

    class Media:
        css: ClassVar = {"all": ("canvas/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_restore_permission(self, request: HttpRequest) -> bool:
        """Django's own permission to change these rows, which is not used otherwise."""
        return super().has_change_permission(request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:document_id>/restore/<int:number>/", view(require_POST(self.restore_view)),
                 name="canvas_document_restore"),
            path("<int:document_id>/content/<int:number>/", view(require_GET(self.content_view)),
                 name="canvas_document_content"),
            *super().get_urls(),
        ]  # fmt: skip

    @admin.display(description="name", ordering="name")
    def label(self, document: Document) -> str:
        return document.name or f"{document.kind} {document.pk}"

    @admin.display(ordering="shelf__owner")
    def owner(self, document: Document) -> str:
        return document.shelf.owner

    @admin.display(ordering="bytes")
    def size(self, document: Document) -> str:
        return filesizeformat(document.bytes)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The document with its versions; ``?version=`` chooses the one that is shown."""
        document = self.get_object(request, object_id) if request.method == "GET" else None
        context = {} if document is None else self._panel(request, document)
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def _panel(self, request: HttpRequest, document: Document) -> dict[str, Any]:
        versions = list(versions_list(document_id=document.pk))
        asked = request.GET.get("version", "")
        shown = next((version for version in versions if str(version.number) == asked), None)
        shown = shown or next(iter(versions), None)
        context: dict[str, Any] = {
            "versions": versions,
            "shown": shown,
            "may_restore": self.has_restore_permission(request),
        }
        try:
            context["preview"] = None if shown is None else preview(version_content(version=shown))
        except CanvasError as error:
            context["trouble"] = str(error)
        return context

    def content_view(self, request: HttpRequest, document_id: int, number: int) -> HttpResponse:
        """A version letter by letter, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        version = Version.objects.filter(document=document_id, number=number).first()
        if version is None:
            raise Http404
        try:
            content = version_content(version=version)
        except CanvasError as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect(reverse("admin:canvas_document_change", args=[document_id]))
        headers = {"Content-Disposition": f'attachment; filename="document-{document_id}-v{number}.json"'}
        return HttpResponse(content, content_type="application/json", headers=headers)

    def restore_view(self, request: HttpRequest, document_id: int, number: int) -> HttpResponse:
        """POST: make a version the newest one; what was the newest stays as the one before it."""
        if not self.has_restore_permission(request):
            raise PermissionDenied
        try:
            with transaction.atomic():
                document = document_restore(document_id=document_id, version=number)
                self.log_change(request, document, f"version {number} restored, as version {document.version}")
        except CanvasError as error:
            self.message_user(request, str(error), messages.ERROR)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("restoring document %d failed: %s", document_id, error)
            self.message_user(request, _DATABASE_FAILED, messages.ERROR)
        else:
            done = f"Version {number} is the newest one again, as version {document.version}."
            self.message_user(request, done, messages.SUCCESS)
        if not Document.objects.filter(id=document_id).exists():
            return redirect(reverse("admin:canvas_document_changelist"))
        return redirect(reverse("admin:canvas_document_change", args=[document_id]))

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        """As the services delete: under the owner's lock, with all versions and their files."""
        self._delete(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self._delete(request, list(queryset.values_list("pk", flat=True)))

    def _delete(self, request: HttpRequest, document_ids: list[int]) -> None:
        for document_id in document_ids:
            try:
                document_remove(document_id=document_id)
            except CanvasError as error:
                self.message_user(request, str(error), messages.WARNING)
