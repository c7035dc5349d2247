"""The operator's pages of saved drawings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from canvas.models import Document, Kind, Shelf
from canvas.selectors import Key, document_content, versions_list
from canvas.services import Description, chart_create, document_delete, document_save

KEY = Key(owner="alice", kind=Kind.CANVAS, scope="BTCUSDT", name="mine")
LIST = "admin:canvas_document_changelist"


@pytest.fixture(autouse=True)
def _stored(db: None, own_folder: Path) -> Path:
    return own_folder


def save(*contents: str, key: Key = KEY, title: str = "") -> Document:
    """Versions of a document, oldest first."""
    for content in contents:
        document = document_save(key=key, content=content.encode(), description=Description(title))
    return document


def page(client: Client, document: Document, **query: str) -> str:
    response = client.get(reverse("admin:canvas_document_change", args=[document.pk]), query)
    assert response.status_code == 200
    return response.text


def restore(client: Client, document: Document, number: int) -> Any:
    return client.post(reverse("admin:canvas_document_restore", args=[document.pk, number]), follow=True)


def test_the_list_has_documents_of_every_kind_with_owner_version_and_size(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    save("{}", '{"a": 1}', title="My lines")
    chart_create(owner="bob", client="web", name="layout", content=b"x" * 2_048, description=Description())
    for number in range(20):
        save("{}", key=Key(owner=f"owner{number}", kind=Kind.STUDY_TEMPLATE, name="template"))
    with django_assert_max_num_queries(8):
        text = admin_client.get(reverse(LIST)).text
    for shown in ("alice", "BTCUSDT", "My lines", "bob", "chart layout", "2.0", "indicator template"):
        assert shown in text
    assert [row.name for row in admin_client.get(reverse(LIST), {"q": "bob"}).context["cl"].result_list] == ["layout"]
    assert len(admin_client.get(reverse(LIST), {"kind__exact": "canvas"}).context["cl"].result_list) == 1


def test_a_document_is_shown_indented_and_escaped(admin_client: Client) -> None:
    text = page(admin_client, save('{"text":"<script>alert(1)</script>"}'))
    assert "{\n  &quot;text&quot;: &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;\n}" in text
    assert "<script>alert" not in text


def test_an_earlier_version_is_looked_at(admin_client: Client) -> None:
    document = save('"first"', '"second"')
    assert "&quot;second&quot;" in page(admin_client, document)
    assert "&quot;first&quot;" in page(admin_client, document, version="1")
    assert "&quot;second&quot;" in page(admin_client, document, version="99999999999999999999x")


def test_a_version_is_downloaded_letter_by_letter(admin_client: Client) -> None:
    document = save('{"a" : 1.0e5 }')
    response = admin_client.get(reverse("admin:canvas_document_content", args=[document.pk, 1]))
    assert response.content == b'{"a" : 1.0e5 }'
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert admin_client.get(reverse("admin:canvas_document_content", args=[document.pk, 7])).status_code == 404


def test_restoring_makes_a_new_version_and_loses_none(admin_client: Client) -> None:
    document = save('"first"', '"second"')
    assert "Version 1 is the newest one again, as version 3." in restore(admin_client, document, 1).text
    assert document_content(key=KEY)[1] == b'"first"'
    assert [version.number for version in versions_list(document_id=document.pk)] == [3, 2, 1]
    assert LogEntry.objects.get().change_message == "version 1 restored, as version 3"


def test_what_cannot_be_restored_is_said(admin_client: Client) -> None:
    document = save('"first"')
    assert "Version 7 is not kept (any more)" in restore(admin_client, document, 7).text
    document_delete(key=KEY)
    response = restore(admin_client, document, 1)
    assert (response.status_code, "There is no such document" in response.text) == (200, True)
    assert not LogEntry.objects.exists()


def test_a_document_whose_file_is_lost_still_has_its_page(admin_client: Client, own_folder: Path) -> None:
    document = save('"first"')
    for file in own_folder.rglob("*.json"):
        file.unlink()
    assert "version 1 is not kept (any more)" in page(admin_client, document)
    address = reverse("admin:canvas_document_content", args=[document.pk, 1])
    assert "Version 1 is not kept (any more)" in admin_client.get(address, follow=True).text


@pytest.mark.django_db(transaction=True)
def test_deleting_takes_all_versions_and_their_files(admin_client: Client, own_folder: Path) -> None:
    document = save('"first"', '"second"')
    kept = save("{}", key=Key(owner="alice", kind=Kind.DRAWINGS, name="kept"))
    address = reverse("admin:canvas_document_delete", args=[document.pk])
    assert "Are you sure" in admin_client.get(address).text
    admin_client.post(address, {"post": "yes"})
    assert list(Document.objects.all()) == [kept]
    assert len(list(own_folder.rglob("*.json"))) == 1
    shelf = Shelf.objects.get()
    assert (shelf.bytes, shelf.last_deleted) == (2, 2)
    assert LogEntry.objects.filter(action_flag=3).count() == 1


@pytest.mark.django_db(transaction=True)
def test_several_are_deleted_at_once(admin_client: Client, own_folder: Path) -> None:
    chosen = [save("{}", key=Key(owner="alice", kind=Kind.CANVAS, scope="A", name=name)) for name in "xy"]
    save("{}")
    form = {"action": "delete_selected", "_selected_action": [str(each.pk) for each in chosen], "post": "yes"}
    admin_client.post(reverse(LIST), form)
    assert [document.name for document in Document.objects.all()] == ["mine"]
    assert len(list(own_folder.rglob("*.json"))) == 1


def test_nothing_is_edited_or_added_by_hand(admin_client: Client) -> None:
    document = save("{}")
    assert admin_client.post(reverse("admin:canvas_document_change", args=[document.pk]), {}).status_code == 403
    assert admin_client.get(reverse("admin:canvas_document_add")).status_code == 403


def test_who_may_only_look_neither_restores_nor_deletes(staff: Callable[..., Client]) -> None:
    client = staff("view_document")
    document = save('"first"', '"second"')
    text = page(client, document)
    assert "&quot;second&quot;" in text
    assert "/restore/" not in text
    assert restore(client, document, 1).status_code == 403
    assert client.post(reverse("admin:canvas_document_delete", args=[document.pk]), {"post": "yes"}).status_code == 403
    assert Document.objects.get().version == 2


def test_who_may_look_at_nothing_gets_no_content(staff: Callable[..., Client]) -> None:
    client = staff("view_symbol")
    document = save("{}")
    assert client.get(reverse("admin:canvas_document_content", args=[document.pk, 1])).status_code == 403
    assert client.get(reverse("admin:canvas_document_change", args=[document.pk])).status_code == 403


def test_a_link_restores_nothing(admin_client: Client) -> None:
    document = save('"first"', '"second"')
    assert admin_client.get(reverse("admin:canvas_document_restore", args=[document.pk, 1])).status_code == 405
