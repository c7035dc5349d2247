"""The read side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from canvas import files
from canvas.errors import NotFound, StorageAway
from canvas.models import Document, Kind, Version

_TRIES: Final = 3


@dataclass(frozen=True)
class Key:
    """What names a document of any kind but a chart layout, which has an id."""

    owner: str
    kind: Kind
    name: str = ""
    scope: str = ""
    client: str = ""

    def find(self) -> Document | None:
        """The document, or None."""
        return documents_list(owner=self.owner, kind=self.kind, scope=self.scope, client=self.client).filter(
            name=self.name
        ).first()  # fmt: skip

    def absence(self) -> str:
        """What to say if there is none."""
        place = f" of {self.scope!r}" if self.scope else ""
        return f"there is no {self.kind.label} {self.name!r}{place}"


def documents_list(*, owner: str, kind: Kind, scope: str = "", client: str = "") -> QuerySet[Document]:
    """The documents of one kind in one place (a symbol, a tool), by name."""
    return Document.objects.filter(shelf__owner=owner, kind=kind, scope=scope, client=client).order_by("name", "id")


def document_content(*, key: Key) -> tuple[Document, bytes]:
    """The document and its newest content. Raises NotFound, StorageAway."""
    # Between row and file the version may be given up, or the document deleted: then the row says otherwise by now.
    for _ in range(_TRIES):
        document = key.find()
        if document is None:
            raise NotFound(key.absence())
        content = _newest(document)
        if content is not None:
            return document, content
    raise StorageAway


def chart_content(*, owner: str, client: str, chart_id: int) -> tuple[Document, bytes]:
    """A chart layout and its newest content. Raises NotFound, StorageAway."""
    for _ in range(_TRIES):
        document = documents_list(owner=owner, kind=Kind.CHART, client=client).filter(id=chart_id).first()
        if document is None:
            raise NotFound(f"there is no chart {chart_id}")
        content = _newest(document)
        if content is not None:
            return document, content
    raise StorageAway


def content_of(document: Document) -> bytes:
    """The newest content, for who holds the lock of its shelf. Raises StorageAway."""
    content = _newest(document)
    if content is None:
        raise StorageAway
    return content


def versions_list(*, document_id: int) -> QuerySet[Version]:
    """The versions that are kept, newest first."""
    return Version.objects.filter(document=document_id).order_by("-number")


def version_content(*, version: Version) -> bytes:
    """The content of any version that is kept. Raises NotFound, StorageAway."""
    content = files.read(version.file)
    if content is None:
        raise NotFound(f"version {version.number} is not kept (any more)")
    return content


def _newest(document: Document) -> bytes | None:
    """None where the version was given up meanwhile, or its file is lost."""
    version = Version.objects.filter(document=document.id, number=document.version).first()
    return None if version is None else files.read(version.file)
