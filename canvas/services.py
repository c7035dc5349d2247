"""The write side. A save is atomic, and nothing that was acknowledged is lost:

1. the owner's shelf is locked, and the request's condition is held against what is stored;
2. the content is written to a new file and flushed to the disk;
3. the version's row and the document's row are written in one transaction;
4. after its commit, the files of versions that are no longer kept are removed.

A crash before the commit leaves the old version and a file without a row, one after it the new version and perhaps a
file too many; the sweep removes both. A file is not removed when a commit fails: a lost connection does not tell
whether it came through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from canvas import files
from canvas.conditions import ANYTHING, Condition
from canvas.drawings import State, state_merge, state_read, state_write
from canvas.errors import Invalid, LimitReached, NotFound
from canvas.models import MAX_NAME, Document, Kind, Shelf, Version
from canvas.selectors import Key, content_of

MAX_CONTENT_BYTES: Final = 2 * 1024 * 1024
VERSIONS_KEPT: Final = 20


@dataclass(frozen=True)
class Description:
    """What a document's row says beside its content."""

    title: str = ""
    symbol: str = ""
    resolution: str = ""


@contextmanager
def _locked_shelf(owner: str) -> Iterator[Shelf]:
    """The owner's shelf inside a transaction of its own; nobody else changes anything on it meanwhile."""
    # Committed before any file is written: the sweep knows folders by these rows.
    Shelf.objects.get_or_create(owner=owner)
    with transaction.atomic():
        yield Shelf.objects.select_for_update().get(owner=owner)


def document_save(
    *, key: Key, content: bytes, description: Description = Description(), condition: Condition = ANYTHING
) -> Document:
    """Store a version of the document that the key names, which is made if it is not there.

    Raises Stale if the condition is not met, LimitReached, Invalid (too long), StorageAway.
    """
    with _locked_shelf(key.owner) as shelf:
        document = key.find()
        condition.check(None if document is None else document.version)
        document = document or _new(shelf, key)
        return _add_version(shelf, document, content, description)


def chart_create(*, owner: str, client: str, name: str, content: bytes, description: Description) -> Document:
    """Store a new layout; others may have the same name."""
    key = Key(owner=owner, kind=Kind.CHART, client=client, name=name)
    with _locked_shelf(owner) as shelf:
        return _add_version(shelf, _new(shelf, key), content, description)


def chart_overwrite(
    *, owner: str, client: str, chart_id: int, name: str, content: bytes, description: Description
) -> Document:
    """Store a version of a layout, under a new name perhaps. Raises NotFound."""
    with _locked_shelf(owner) as shelf:
        document = _chart(shelf, client, chart_id)
        document.name = name
        return _add_version(shelf, document, content, description)


def chart_delete(*, owner: str, client: str, chart_id: int) -> None:
    """Remove a layout with all its versions. Raises NotFound."""
    with _locked_shelf(owner) as shelf:
        _remove(shelf, _chart(shelf, client, chart_id))


def drawings_merge(*, key: Key, change: State) -> Document:
    """Apply a change to the drawings of a chart: what is null is deleted, the rest is added or replaced."""

    def merged(stored: bytes | None) -> bytes:
        return state_write(state_merge(State() if stored is None else state_read(stored), change))

    return document_change(key=key, change=merged)


def document_change(*, key: Key, change: Callable[[bytes | None], bytes]) -> Document:
    """Store what `change` makes of the newest version (None where there is none), with no save in between."""
    with _locked_shelf(key.owner) as shelf:
        document = key.find()
        content = change(None if document is None else content_of(document))
        description = Description() if document is None else _description(document)
        return _add_version(shelf, document or _new(shelf, key), content, description)


def document_delete(*, key: Key, condition: Condition = ANYTHING) -> None:
    """Remove a document with all its versions. Raises NotFound, or Stale if the condition is not met."""
    with _locked_shelf(key.owner) as shelf:
        document = key.find()
        condition.check(None if document is None else document.version)
        if document is None:
            raise NotFound(key.absence())
        _remove(shelf, document)


def document_remove(*, document_id: int) -> None:
    """Remove a document of any kind with all its versions. Raises NotFound."""
    owner = Shelf.objects.filter(documents=document_id).values_list("owner", flat=True).first()
    if owner is None:
        raise NotFound("there is no such document")
    with _locked_shelf(owner) as shelf:
        document = Document.objects.filter(id=document_id, shelf=shelf).first()
        if document is None:
            raise NotFound("there is no such document")
        _remove(shelf, document)


def document_restore(*, document_id: int, version: int) -> Document:
    """Store the content of an earlier version once more, as the newest. Raises NotFound.

    What was the newest stays, as the one before it.
    """
    owner = Shelf.objects.filter(documents=document_id).values_list("owner", flat=True).first()
    if owner is None:
        raise NotFound("there is no such document")
    with _locked_shelf(owner) as shelf:
        document = Document.objects.filter(id=document_id, shelf=shelf).first()
        earlier = Version.objects.filter(document=document_id, number=version).first()
        content = files.read(earlier.file) if earlier is not None else None
        if document is None or content is None:
            raise NotFound(f"version {version} is not kept (any more)")
        return _add_version(shelf, document, content, _description(document))


def _description(document: Document) -> Description:
    return Description(document.title, document.symbol, document.resolution)


def _chart(shelf: Shelf, client: str, chart_id: int) -> Document:
    document = Document.objects.filter(shelf=shelf, kind=Kind.CHART, client=client, id=chart_id).first()
    if document is None:
        raise NotFound(f"there is no chart {chart_id}")
    return document


def _new(shelf: Shelf, key: Key) -> Document:
    """A document without a version, not stored yet."""
    beside = Document.objects.filter(shelf=shelf, kind=key.kind, client=key.client, scope=key.scope)
    if beside.count() >= settings.CANVAS_MAX_PER_SYMBOL:
        raise LimitReached(f"at most {settings.CANVAS_MAX_PER_SYMBOL} can be kept here: delete one first")
    if Document.objects.filter(shelf=shelf).count() >= settings.CANVAS_MAX_PER_OWNER:
        raise LimitReached(f"an owner can keep at most {settings.CANVAS_MAX_PER_OWNER} documents: delete one first")
    return Document(
        shelf=shelf, kind=key.kind, client=key.client, scope=key.scope, name=key.name, version=shelf.last_deleted
    )


def _add_version(shelf: Shelf, document: Document, content: bytes, description: Description) -> Document:
    if len(content) > MAX_CONTENT_BYTES:
        raise Invalid("content", f"at most {MAX_CONTENT_BYTES} bytes are kept in one document, not {len(content)}")
    given_up = list(document.versions.order_by("-number")[VERSIONS_KEPT - 1 :]) if document.pk else []
    held = shelf.bytes - sum(version.bytes for version in given_up) + len(content)
    if held > settings.CANVAS_MAX_BYTES:
        raise LimitReached(f"an owner can keep at most {settings.CANVAS_MAX_BYTES} bytes: delete something first")

    file = files.write(shelf.folder, content)
    now = timezone.now()
    document.version += 1
    document.bytes = len(content)
    document.updated_at = now
    document.title = description.title[:MAX_NAME]
    document.symbol = description.symbol
    document.resolution = description.resolution
    document.save()
    Version.objects.create(document=document, number=document.version, file=file, bytes=len(content), saved_at=now)
    Version.objects.filter(id__in=[version.id for version in given_up]).delete()
    shelf.bytes = held
    shelf.save(update_fields=["bytes"])
    transaction.on_commit(partial(files.remove, [version.file for version in given_up]))
    return document


def _remove(shelf: Shelf, document: Document) -> None:
    versions = list(document.versions.all())
    shelf.bytes -= sum(version.bytes for version in versions)
    shelf.last_deleted = max(shelf.last_deleted, document.version)
    shelf.save(update_fields=["bytes", "last_deleted"])
    document.delete()
    transaction.on_commit(partial(files.remove, [version.file for version in versions]))
