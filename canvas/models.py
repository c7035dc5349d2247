"""The index of everything that was saved. The contents are files; these rows say which, and whose."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

MAX_OWNER = 64
MAX_NAME = 128


class Kind(models.TextChoices):
    """What a document is; each kind has its own way of being addressed."""

    CANVAS = "canvas", "canvas"  # by symbol and name
    CHART = "chart", "chart layout"  # by id
    STUDY_TEMPLATE = "study_template", "indicator template"  # by name
    DRAWING_TEMPLATE = "drawing_template", "drawing template"  # by tool and name
    CHART_TEMPLATE = "chart_template", "chart template"  # by name
    DRAWINGS = "drawings", "drawings of a chart"  # by layout and chart


class Shelf(models.Model):
    """All that one owner has. Its row is the lock under which anything of that owner changes.

    Rows are never deleted: a folder in the storage belongs to this database if, and only if, it has a shelf here.
    """

    owner = models.CharField(max_length=MAX_OWNER, unique=True)
    folder = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    bytes = models.BigIntegerField(default=0, help_text="Of all versions of all documents.")
    # New documents begin above it, so that a name that is used again does not repeat versions a client may still hold.
    last_deleted = models.PositiveIntegerField(default=0, help_text="Highest version of a deleted document.")

    class Meta:
        ordering = ("owner",)
        verbose_name_plural = "shelves"

    def __str__(self) -> str:
        return self.owner


class Document(models.Model):
    """One saved thing. `version` is the number of its newest version, whose file is its content."""

    shelf = models.ForeignKey(Shelf, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    client = models.CharField(max_length=MAX_NAME, default="", blank=True, help_text="TradingView's client_id.")
    scope = models.CharField(
        max_length=MAX_NAME, default="", blank=True, help_text="A canvas's symbol, a template's tool, a layout's id."
    )
    name = models.CharField(max_length=MAX_NAME, blank=True)
    title = models.CharField(max_length=MAX_NAME, default="", blank=True, help_text="Shown in place of the name.")
    symbol = models.CharField(max_length=MAX_NAME, default="", blank=True, help_text="Of a chart layout.")
    resolution = models.CharField(max_length=MAX_NAME, default="", blank=True, help_text="Of a chart layout.")
    version = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField(help_text="Of the newest version.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("shelf", "kind", "client", "scope", "name")
        constraints = (
            # Also the index of every list. Layouts are addressed by id and may share a name.
            models.UniqueConstraint(
                fields=["shelf", "kind", "client", "scope", "name"],
                condition=~models.Q(kind="chart"),
                name="canvas_document_key",
            ),
        )
        indexes = (
            # The list of an owner's layouts.
            models.Index(fields=["shelf", "client"], condition=models.Q(kind="chart"), name="canvas_document_chart"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.scope} {self.name}".replace("  ", " ")


class Version(models.Model):
    """A version of a document and the file that holds it, whole, since before this row was written."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    file = models.CharField(max_length=100, unique=True, help_text="Its name in the storage, of our own making.")
    bytes = models.PositiveIntegerField()
    saved_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("document", "-number")
        constraints = (models.UniqueConstraint(fields=["document", "number"], name="canvas_version_number"),)

    def __str__(self) -> str:
        return f"{self.document_id} v{self.number}"
