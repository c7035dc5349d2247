"""Canvases out of and into folders, as the program before kept them."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canvas.folders import canvases_export, canvases_import
from canvas.models import Document, Kind, Shelf, Version
from canvas.selectors import Key, document_content, versions_list
from canvas.services import Description, document_save

transactional = pytest.mark.django_db(transaction=True)

Stored = dict[tuple[str, str, str], tuple[str, bytes]]


def key(owner: str, symbol: str, name: str) -> Key:
    return Key(owner=owner, kind=Kind.CANVAS, scope=symbol, name=name)


def save(owner: str, symbol: str, name: str, content: bytes, title: str | None = None) -> None:
    document_save(key=key(owner, symbol, name), content=content, description=Description(title=title or name))


def stored() -> Stored:
    rows = Document.objects.filter(kind=Kind.CANVAS).values_list("shelf__owner", "scope", "name", "title")
    return {
        (owner, symbol, name): (title, document_content(key=key(owner, symbol, name))[1])
        for owner, symbol, name, title in rows
    }


def forget() -> None:
    Version.objects.all().delete()
    Document.objects.all().delete()
    Shelf.objects.all().delete()


def put(folder: Path, path: str, content: bytes = b"{}") -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)


def run(command: str, *args: Any, **options: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(command, *args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@transactional
def test_the_folder_of_the_program_before_is_read(own_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "storage"
    put(source, "default/BTCUSDT/trend lines.json", b'{ "a": 1.10 }\n')
    put(source, "alice/ethusdt/名前.json", b"[]")
    out, _ = run("import_canvases", source)
    assert out.startswith("2 stored")
    assert stored() == {
        ("default", "BTCUSDT", "trend lines"): ("trend lines", b'{ "a": 1.10 }\n'),
        ("alice", "ETHUSDT", "名前"): ("名前", b"[]"),
    }


@transactional
def test_importing_again_changes_nothing(own_folder: Path, tmp_path: Path) -> None:
    put(tmp_path / "s", "u/X/n.json", b"1")
    canvases_import(tmp_path / "s")
    assert canvases_import(tmp_path / "s").same == 1
    assert Version.objects.count() == 1


@transactional
def test_what_was_saved_since_is_kept_unless_told_otherwise(own_folder: Path, tmp_path: Path) -> None:
    put(tmp_path / "s", "u/X/n.json", b'"old"')
    save("u", "X", "n", b'"newer"')
    assert canvases_import(tmp_path / "s").kept == ["u/X/n.json"]
    assert document_content(key=key("u", "X", "n"))[1] == b'"newer"'
    _, err = run("import_canvases", tmp_path / "s")
    assert "u/X/n.json" in err
    assert canvases_import(tmp_path / "s", overwrite=True).stored == 1
    document, content = document_content(key=key("u", "X", "n"))
    assert content == b'"old"'
    assert versions_list(document_id=document.id).count() == 2


@transactional
def test_what_cannot_be_stored_is_named_and_the_rest_is_stored(own_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "s"
    put(source, "u/X/good.json", b"1")
    put(source, "u/X/broken.json", b"{")
    put(source, "u/X/long.json", b'"' + b"x" * (2 << 20) + b'"')
    put(source, "u/X/note.txt", b"1")
    put(source, "u/shallow.json", b"1")
    put(source, "u/X/deep/er.json", b"1")
    put(source, f"{'u' * 65}/X/n.json", b"1")
    put(source, "u/X/a\nb.json", b"1")
    (source / os.fsdecode(b"u/X/\xff.json")).write_bytes(b"1")
    (source / "u/X/link.json").symlink_to("/etc/hostname")
    (source / "linked").symlink_to(tmp_path)
    with pytest.raises(CommandError, match="8 files were refused"):
        run("import_canvases", source)
    assert list(stored()) == [("u", "X", "good")]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        run("import_canvases", tmp_path / "nowhere")


@transactional
def test_canvases_are_written_as_the_program_before_kept_them(own_folder: Path, tmp_path: Path) -> None:
    save("default", "BTCUSDT", "trend lines", b"1")
    save("default", "BTCUSDT", "trend lines", b"2")
    document_save(key=Key(owner="u", kind=Kind.STUDY_TEMPLATE, name="not a canvas"), content=b"x")
    out, _ = run("export_canvases", tmp_path / "out")
    assert out.startswith("1 canvases")
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {"default/BTCUSDT/trend lines.json", "names.json"}
    assert (tmp_path / "out/default/BTCUSDT/trend lines.json").read_bytes() == b"2"


@transactional
def test_a_folder_with_something_in_it_is_not_written_to(own_folder: Path, tmp_path: Path) -> None:
    put(tmp_path / "out", "precious.txt")
    with pytest.raises(CommandError, match="empty"):
        run("export_canvases", tmp_path / "out")


@transactional
def test_names_that_look_like_paths_stay_in_the_folder(own_folder: Path, tmp_path: Path) -> None:
    for name in ("../../escaped", "/abs", "a/b", "..", "names.json", "x" * 128, "\U0001f56f" * 128):
        save(name[:64], name.upper(), name, json.dumps(name).encode())
    before = stored()
    folder = tmp_path / "deep" / "out"
    canvases_export(folder)
    below = {folder, own_folder}
    assert [path for path in tmp_path.rglob("*.json") if not below & set(path.parents)] == []
    forget()
    assert canvases_import(folder).refused == []
    assert stored() == before


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40) | st.sampled_from(
    ["a", "A", "..", "/", "a/b", "é", "e\u0301", "names.json", "~", ".x"]
)
CANVASES = st.dictionaries(
    st.tuples(NAMES, NAMES.map(str.upper), NAMES),
    st.tuples(NAMES, st.integers().map(lambda number: b"%d" % number)),
    max_size=6,
)


@transactional
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(canvases=CANVASES)
def test_what_goes_out_comes_in_again(
    own_folder: Path, tmp_path_factory: pytest.TempPathFactory, canvases: dict[tuple[str, str, str], tuple[str, bytes]]
) -> None:
    forget()
    for (owner, symbol, name), (title, content) in canvases.items():
        save(owner, symbol, name, content, title)
    folder = tmp_path_factory.mktemp("round") / "trip"
    assert canvases_export(folder) == len(canvases)
    forget()
    assert canvases_import(folder).refused == []
    assert stored() == canvases


@transactional
@pytest.mark.parametrize("content", [b"{", b"[1]", b'[{"path": "a"}]', b'{"a": 1}'])
def test_a_list_of_names_that_is_damaged_is_named(own_folder: Path, tmp_path: Path, content: bytes) -> None:
    put(tmp_path / "s", "names.json", content)
    with pytest.raises(CommandError, match=r"names\.json"):
        run("import_canvases", tmp_path / "s")
