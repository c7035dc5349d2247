"""The bucket's listing: pages, folders and markers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from feeds.fakebinance.archive import ArchiveHost
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.faults import Fault, FaultBook
from feeds.fakebinance.store import StoredObject

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
STORED = StoredObject(Path("unused"), 1_234, "ab" * 32, '"cd"', 1_767_268_800_000)


class Shelf:
    """A bucket of given keys; every ZIP looks the same."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = sorted(keys)

    def zip(self, _key: str, _faults: Sequence[Fault]) -> StoredObject | None:
        return STORED

    def checksum(self, _key: str, _faults: Sequence[Fault]) -> tuple[bytes, int] | None:
        return None

    def keys(self, prefix: str) -> Iterator[str]:
        return iter([key for key in self._keys if key.startswith(prefix)])


def listed(keys: Sequence[str], faults: FaultBook | None = None, **query: str) -> ET.Element:
    host = ArchiveHost(Shelf(keys), faults or FaultBook(Clock(0, speed=0)))
    reply = host.listing({name.replace("_", "-"): value for name, value in query.items()})
    assert reply.status == 200
    return ET.fromstring(reply.body)  # noqa: S314  (our own text)


def texts(page: ET.Element, path: str) -> list[str | None]:
    return [node.text for node in page.findall("/".join(f"{S3}{part}" for part in path.split("/")))]


def test_keys_come_with_size_etag_and_date() -> None:
    page = listed(["a/1.zip"], prefix="a/")
    assert texts(page, "Contents/Key") == ["a/1.zip"]
    assert texts(page, "Contents/Size") == ["1234"]
    assert texts(page, "Contents/ETag") == ['"cd"']
    assert texts(page, "Contents/LastModified") == ["2026-01-01T12:00:00.000Z"]
    assert texts(page, "IsTruncated") == ["false"]


def test_a_delimiter_gathers_keys_into_folders() -> None:
    page = listed(["k/A/1.zip", "k/A/2.zip", "k/币/1.zip", "k/top.zip"], prefix="k/", delimiter="/")
    assert texts(page, "CommonPrefixes/Prefix") == ["k/A/", "k/币/"]
    assert texts(page, "Contents/Key") == ["k/top.zip"]


def test_a_page_has_at_most_a_thousand_keys_and_says_that_more_follow() -> None:
    keys = [f"k/{number:05}.zip" for number in range(2_500)]
    page = listed(keys, prefix="k/", delimiter="/")
    assert texts(page, "Contents/Key") == keys[:1_000]
    assert texts(page, "IsTruncated") == ["true"]
    assert texts(page, "NextMarker") == [keys[999]]


@pytest.mark.parametrize("delimiter", ["", "/"])
def test_markers_lead_through_all_pages_without_loss_or_repeat(delimiter: str) -> None:
    keys = [f"k/{folder:04}/x.zip" if delimiter else f"k/{folder:04}.zip" for folder in range(2_345)]
    path = "CommonPrefixes/Prefix" if delimiter else "Contents/Key"
    seen: list[str | None] = []
    marker, truncated = "", "true"
    while truncated == "true":
        page = listed(keys, prefix="k/", delimiter=delimiter, marker=marker)
        seen += texts(page, path)
        marker = (texts(page, "NextMarker") or seen[-1:])[0] or ""
        truncated = texts(page, "IsTruncated")[0] or ""
    assert len(seen) == len(set(seen)) == 2_345


def test_the_next_marker_is_given_with_a_delimiter_only() -> None:
    page = listed([f"k/{number:05}.zip" for number in range(1_001)], prefix="k/")
    assert texts(page, "IsTruncated") == ["true"]
    assert texts(page, "NextMarker") == []


def test_a_smaller_page_may_be_asked_for() -> None:
    page = listed(["a", "b", "c"], max_keys="2")
    assert texts(page, "Contents/Key") == ["a", "b"]


def test_an_exactly_full_page_is_not_truncated() -> None:
    assert texts(listed(["a", "b"], max_keys="2"), "IsTruncated") == ["false"]


def test_a_file_that_a_lasting_fault_takes_away_is_not_listed() -> None:
    faults = FaultBook(Clock(0, speed=0))
    path = "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01.zip"
    faults.add("not_found", match={"path": f"/{path}"})
    assert texts(listed([path, f"{path}.CHECKSUM"], faults), "Contents/Key") == [f"{path}.CHECKSUM"]
