"""The files: contents on Django's storage (the alias "canvas"), under names that nobody outside has a say in.

A file is written once, is on the disk before its name is given away, and never changes.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage, storages

from canvas.errors import StorageAway

logger = logging.getLogger(__name__)

_ALIAS: Final = "canvas"


class DurableStorage(FileSystemStorage):
    """The file system, where a saved file outlives a power cut: data, file name and folder name are flushed."""

    def _save(self, name: str, content: File[bytes]) -> str:
        saved: str = super()._save(name, content)  # type: ignore[misc]  # The stubs leave it out.
        path = Path(self.path(saved))
        for flushed in (path, path.parent, Path(self.base_location)):
            _flush(flushed)
        return saved


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(folder: uuid.UUID, content: bytes) -> str:
    """Store a new file and return its name. Raises StorageAway; a part of a file may then be left for the sweep."""
    with _storage("write") as storage:
        return storage.save(f"{folder}/{uuid.uuid4()}.json", ContentFile(content))


def read(name: str) -> bytes | None:
    """The content, or None if there is no such file. Raises StorageAway."""
    with _storage("read") as storage:
        try:
            with storage.open(name, "rb") as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None


def remove(names: list[str]) -> None:
    """Remove what nothing refers to any more. What cannot be removed now is left for the sweep."""
    for name in names:
        try:
            storages[_ALIAS].delete(name)
        except OSError:
            logger.warning("%s could not be removed; the sweep will try again", name, exc_info=True)


def written_before(folder: uuid.UUID, moment: dt.datetime) -> list[str]:
    """Names of the files in the folder that were written before the moment. Raises StorageAway."""
    with _storage("list") as storage:
        try:
            _, files = storage.listdir(str(folder))
        except FileNotFoundError:
            return []
        names = []
        for file in files:
            name = f"{folder}/{file}"
            try:
                if storage.get_modified_time(name) < moment:
                    names.append(name)
            except FileNotFoundError:
                # Removed since it was listed.
                continue
        return names


@contextmanager
def _storage(verb: str) -> Iterator[Storage]:
    try:
        yield storages[_ALIAS]
    except OSError as error:
        logger.exception("the storage of the canvases failed to %s", verb)
        raise StorageAway from error
