"""Versions: none is lost to another tab, twenty are kept, any of them comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_django import Settings

from canvas.conditions import Condition
from canvas.errors import LimitReached, NotFound, Stale
from canvas.models import Document, Kind, Shelf, Version
from canvas.selectors import Key, document_content, version_content, versions_list
from canvas.services import (
    VERSIONS_KEPT,
    document_delete,
    document_restore,
    document_save,
)
from klineproject.local.instance import Instance
from tests.integration.canvas.conftest import Page

KEY = Key(owner="me", kind=Kind.CANVAS, scope="BTCUSDT", name="mine")
transactional = pytest.mark.django_db(transaction=True)


def save(content: str, key: Key = KEY, **options: Any) -> Document:
    return document_save(key=key, content=content.encode(), **options)


def kept() -> list[tuple[int, bytes]]:
    document = KEY.find()
    assert document is not None
    return [(version.number, version_content(version=version)) for version in versions_list(document_id=document.id)]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def referenced() -> set[str]:
    return set(Version.objects.values_list("file", flat=True))


def test_of_two_tabs_that_save_the_same_canvas_one_is_told_and_nothing_is_lost(page: Page) -> None:
    tag = page.save("mine", '"first"').headers["etag"]
    one = page.save("mine", '"of one tab"', if_match=tag)
    other = page.save("mine", '"of the other"', if_match=tag)
    assert (one.status_code, other.status_code) == (200, 412)
    assert other.headers["etag"] == one.headers["etag"] == '"2"'
    assert page.load("mine").text == '"of one tab"'
    # The other loads, merges, and saves again.
    assert page.save("mine", '"of both"', if_match=other.headers["etag"]).status_code == 200
    assert page.load("mine").text == '"of both"'


def test_of_many_tabs_at_the_same_moment_exactly_one_wins(pages: Callable[[str], Page]) -> None:
    tabs = [pages("tabs") for _ in range(8)]
    tag = tabs[0].save("mine", "0").headers["etag"]
    for _ in range(5):
        with ThreadPoolExecutor(len(tabs)) as pool:
            sent = [pool.submit(tab.save, "mine", str(number), if_match=tag) for number, tab in enumerate(tabs)]
        replies = [future.result() for future in sent]
        assert sorted(reply.status_code for reply in replies) == [200] + [412] * 7
        winner = next(number for number, reply in enumerate(replies) if reply.status_code == 200)
        assert tabs[0].load("mine").text == str(winner)
        tag = replies[winner].headers["etag"]


def test_two_tabs_that_make_the_same_new_canvas_do_not_meet(page: Page) -> None:
    assert page.save("new", "1", if_none_match="*").status_code == 200
    assert page.save("new", "2", if_none_match="*").status_code == 412
    assert page.load("new").text == "1"


def test_a_tab_does_not_bring_back_what_another_has_deleted(page: Page) -> None:
    tag = page.save("mine", "1").headers["etag"]
    page.delete("mine")
    assert page.save("mine", "2", if_match=tag).status_code == 412
    assert page.load("mine").status_code == 404


def test_a_tab_does_not_delete_what_another_has_saved(page: Page) -> None:
    tag = page.save("mine", "1").headers["etag"]
    page.save("mine", "2")
    assert page.delete("mine", if_match=tag).status_code == 412
    assert page.load("mine").text == "2"


def test_a_name_that_is_used_again_does_not_repeat_versions(page: Page) -> None:
    old = page.save("mine", "1").headers["etag"]
    page.delete("mine")
    new = page.save("mine", "2").headers["etag"]
    assert new != old
    assert page.save("mine", "3", if_match=old).status_code == 412


def test_threads_that_save_at_once_make_as_many_versions(
    pages: Callable[[str], Page], instance: Instance, folder: Path
) -> None:
    threads, saves = 20, 5
    tabs = [pages("threads") for _ in range(threads)]

    def work(number: int) -> list[int]:
        data = [json.dumps({"thread": number, "save": save, "x": "x" * 20_000}) for save in range(saves)]
        replies = [tabs[number].save("shared", text) for text in data]
        assert [reply.status_code for reply in replies] == [200] * saves
        return [reply.json()["version"] for reply in replies]

    with ThreadPoolExecutor(threads) as pool:
        versions = [version for made in pool.map(work, range(threads)) for version in made]
    assert sorted(versions) == list(range(1, threads * saves + 1))
    with psycopg.connect(instance.services().database_url) as link:
        rows = link.execute(
            "SELECT v.number, v.file, v.bytes FROM canvas_version v JOIN canvas_document d ON d.id = v.document_id "
            "JOIN canvas_shelf s ON s.id = d.shelf_id WHERE s.owner = 'threads'"
        ).fetchall()
        held = link.execute("SELECT bytes, folder FROM canvas_shelf WHERE owner = 'threads'").fetchone()
    assert sorted(number for number, _, _ in rows) == list(range(threads * saves - 19, threads * saves + 1))
    assert held is not None
    assert held[0] == sum(size for _, _, size in rows)
    assert {file for _, file, _ in rows} == {f"{held[1]}/{path.name}" for path in (folder / str(held[1])).iterdir()}
    assert all(len(json.loads((folder / file).read_bytes())["x"]) == 20_000 for _, file, _ in rows)


@transactional
def test_twenty_versions_are_kept_and_the_files_of_older_ones_go(own_folder: Path) -> None:
    for number in range(1, 31):
        save(str(number))
    assert VERSIONS_KEPT == 20
    assert kept() == [(number, b"%d" % number) for number in range(30, 10, -1)]
    assert files(own_folder) == referenced()
    assert Shelf.objects.get().bytes == 40


@transactional
def test_an_earlier_version_comes_back_as_the_newest_and_the_newest_stays(own_folder: Path) -> None:
    for content in ("a", "b", "c"):
        document = save(content)
    restored = document_restore(document_id=document.id, version=1)
    assert restored.version == 4
    assert kept() == [(4, b"a"), (3, b"c"), (2, b"b"), (1, b"a")]
    assert files(own_folder) == referenced()


@transactional
def test_the_oldest_version_can_be_restored_where_twenty_are_kept(own_folder: Path) -> None:
    for number in range(1, 21):
        document = save(str(number))
    document_restore(document_id=document.id, version=1)
    assert kept()[0] == (21, b"1")
    assert len(kept()) == 20


@transactional
@pytest.mark.parametrize("version", [0, 2, 99])
def test_a_version_that_is_not_kept_cannot_be_restored(own_folder: Path, version: int) -> None:
    document = save("a")
    with pytest.raises(NotFound):
        document_restore(document_id=document.id, version=version)
    with pytest.raises(NotFound):
        document_restore(document_id=document.id + 1, version=1)
    assert kept() == [(1, b"a")]


@transactional
def test_a_refused_save_leaves_no_file(own_folder: Path, settings: Settings) -> None:
    save("a")
    before = files(own_folder)
    with pytest.raises(Stale):
        save("b", condition=Condition(versions=frozenset({9})))
    settings.CANVAS_MAX_BYTES = 5
    with pytest.raises(LimitReached):
        save("too much")
    settings.CANVAS_MAX_PER_OWNER = 1
    with pytest.raises(LimitReached):
        save("b", key=Key(owner="me", kind=Kind.CANVAS, scope="ETHUSDT", name="other"))
    assert files(own_folder) == before
    assert kept() == [(1, b"a")]


@transactional
def test_bytes_are_given_back_when_a_document_goes(own_folder: Path) -> None:
    save("12345")
    save("123")
    assert Shelf.objects.get().bytes == 8
    document_delete(key=KEY)
    assert Shelf.objects.get().bytes == 0
    assert files(own_folder) == set()


@transactional
def test_files_and_folders_are_for_this_account_only(own_folder: Path) -> None:
    save("a")
    (file,) = (own_folder / name for name in files(own_folder))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@transactional
def test_the_content_is_the_newest_version(own_folder: Path) -> None:
    save("a")
    save("b")
    document, content = document_content(key=KEY)
    assert (document.version, content) == (2, b"b")
