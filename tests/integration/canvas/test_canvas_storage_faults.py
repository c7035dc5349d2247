"""Files and rows that do not fit: what a crash leaves behind, and a disk that fails."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError
from pytest_django import Settings

from canvas import files
from canvas.errors import StorageAway
from canvas.models import Document, Kind, Shelf, Version
from canvas.selectors import Key, document_content
from canvas.services import document_save
from canvas.sweep import orphans_remove
from canvas.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)

KEY = Key(owner="me", kind=Kind.CANVAS, scope="BTCUSDT", name="mine")
AT_ONCE = dt.timedelta(0)


def orphan(folder: Path, *, hours_ago: float) -> Path:
    """A file as a save leaves it that was killed before its row."""
    path = folder / files.write(Shelf.objects.get().folder, b"half a drawi")
    then = path.stat().st_mtime - hours_ago * 3600
    os.utime(path, (then, then))
    return path


def test_the_sweep_removes_what_no_row_refers_to(own_folder: Path) -> None:
    document_save(key=KEY, content=b"whole")
    left = orphan(own_folder, hours_ago=2)
    assert orphans_remove() == 1
    assert not left.exists()
    assert document_content(key=KEY)[1] == b"whole"


def test_the_sweep_leaves_a_file_whose_row_may_be_on_its_way(own_folder: Path) -> None:
    document_save(key=KEY, content=b"whole")
    left = orphan(own_folder, hours_ago=0.9)
    sweep()
    assert left.exists()


def test_the_sweep_does_not_look_at_what_others_keep_beside(own_folder: Path) -> None:
    document_save(key=KEY, content=b"whole")
    foreign = own_folder / str(uuid.uuid4()) / f"{uuid.uuid4()}.json"
    foreign.parent.mkdir()
    foreign.write_text("of another installation")
    assert orphans_remove(older_than=AT_ONCE) == 0
    assert foreign.exists()


def test_the_command_says_how_many_it_removed(own_folder: Path) -> None:
    document_save(key=KEY, content=b"whole")
    orphan(own_folder, hours_ago=2)
    said = StringIO()
    call_command("sweep_canvases", stdout=said)
    assert said.getvalue() == "1 files removed\n"


def test_a_sweep_of_nothing_is_no_error(own_folder: Path) -> None:
    Shelf.objects.create(owner="who never saved")
    assert orphans_remove(older_than=AT_ONCE) == 0


def test_a_disk_that_fails_leaves_the_old_version(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document_save(key=KEY, content=b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as failing:
        failing.setattr(os, "fsync", full)
        with pytest.raises(StorageAway):
            document_save(key=KEY, content=b"new")
    assert document_content(key=KEY)[1] == b"old"
    assert Version.objects.count() == 1
    orphans_remove(older_than=AT_ONCE)
    assert len(list(own_folder.rglob("*.json"))) == 1


def test_a_folder_that_cannot_be_written_is_storage_that_is_away(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "file").write_text("in the way")
    storage = settings.STORAGES["canvas"]
    settings.STORAGES = {**settings.STORAGES, "canvas": {**storage, "OPTIONS": {"location": tmp_path / "file"}}}
    with pytest.raises(StorageAway):
        document_save(key=KEY, content=b"new")
    assert not Document.objects.exists()


def test_a_file_that_is_lost_is_not_an_empty_canvas(own_folder: Path) -> None:
    document_save(key=KEY, content=b"content")
    next(own_folder.rglob("*.json")).unlink()
    with pytest.raises(StorageAway):
        document_content(key=KEY)


def test_a_version_that_is_given_up_while_it_is_read_is_read_anew(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_save(key=KEY, content=b"old")
    saved: list[Document] = []
    read = files.read

    def saved_meanwhile(name: str) -> bytes | None:
        if not saved:
            saved.extend(document_save(key=KEY, content=b"new %d" % number) for number in range(20))
        return read(name)

    monkeypatch.setattr(files, "read", saved_meanwhile)
    assert document_content(key=KEY)[1] == b"new 19"


def test_when_the_commit_is_in_doubt_the_file_is_left(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document_save(key=KEY, content=b"old")

    def lost(*args: object, **options: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as failing:
        failing.setattr(Version.objects, "create", lost)
        with pytest.raises(OperationalError):
            document_save(key=KEY, content=b"new")
    assert {path.read_bytes() for path in own_folder.rglob("*.json")} == {b"old", b"new"}
    assert document_content(key=KEY)[1] == b"old"
    assert orphans_remove(older_than=AT_ONCE) == 1


def test_a_file_that_cannot_be_removed_waits_for_the_sweep(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        document_save(key=KEY, content=b"%d" % number)

    def refused(path: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as failing:
        failing.setattr(os, "remove", refused)
        document_save(key=KEY, content=b"newest")
    assert document_content(key=KEY)[1] == b"newest"
    assert len(list(own_folder.rglob("*.json"))) == 21
    assert orphans_remove(older_than=AT_ONCE) == 1
