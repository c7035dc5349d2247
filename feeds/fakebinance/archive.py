"""The archive host: objects, their checksums, and the bucket's listing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Final, Protocol
from xml.sax.saxutils import escape

from feeds.fakebinance import tampering
from feeds.fakebinance.answers import damaged_checksum, no_such_key
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.faults import Fault, FaultBook
from feeds.fakebinance.market import Market
from feeds.fakebinance.publication import ROOT, ArchiveFile, Calendar
from feeds.fakebinance.replies import Reply
from feeds.fakebinance.store import StoredObject, ZipStore
from feeds.fakebinance.visits import CHECKSUM_SUFFIX, Visit
from market.domain.window import to_datetime

PAGE_KEYS: Final = 1_000
_XML: Final = {"Content-Type": "application/xml", "Server": "AmazonS3"}
_TIERS: Final = ("daily", "monthly")


class Bucket(Protocol):
    """The objects of the archive at the clock's instant. Keys have no leading slash."""

    def zip(self, key: str, faults: Sequence[Fault]) -> StoredObject | None:
        """The ZIP under a key, as the faults have it; None if there is none."""
        ...

    def checksum(self, key: str, faults: Sequence[Fault]) -> tuple[bytes, int] | None:
        """Text and Last-Modified (ms) of a ZIP's checksum file, given the ZIP's key; None if there is none."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that starts with the prefix, in the bucket's order (by bytes)."""
        ...


class GeneratedBucket:
    """The files of a generated market."""

    def __init__(self, market: Market, store: ZipStore, calendar: Calendar, clock: Clock) -> None:
        self._market = market
        self._store = store
        self._calendar = calendar
        self._clock = clock

    def zip(self, key: str, faults: Sequence[Fault]) -> StoredObject | None:
        file = ArchiveFile.parse(key)
        if file is None or file.symbol not in self._market.listings:
            return None
        if not self._calendar.has(file, self._market.life(file.symbol), self._clock.now()):
            return None
        return self._store.get(file, faults)

    def checksum(self, key: str, faults: Sequence[Fault]) -> tuple[bytes, int] | None:
        stored = self.zip(key, faults)
        return None if stored is None else (checksum_text(stored, key), stored.modified_ms)

    def keys(self, prefix: str) -> Iterator[str]:
        now = self._clock.now()
        symbols = sorted(self._market.listings, key=lambda name: f"{name}/".encode())
        for tier in _TIERS:
            for symbol in symbols:
                folder = f"{ROOT}{tier}/klines/{symbol}/1m/"
                if not (folder.startswith(prefix) or prefix.startswith(folder)):
                    continue
                life = self._market.life(symbol)
                for file in self._calendar.published(tier, symbol, life, now):
                    yield from (key for key in (file.key, file.key + CHECKSUM_SUFFIX) if key.startswith(prefix))


def checksum_text(stored: StoredObject, key: str) -> bytes:
    """``<sha256>  <file name>``, without a newline at the end."""
    return f"{stored.sha256}  {Path(key).name}".encode()


class ArchiveHost:
    """Answers requests for objects and listings."""

    def __init__(self, bucket: Bucket, faults: FaultBook) -> None:
        self._bucket = bucket
        self._faults = faults

    def object(self, visit: Visit, faults: Sequence[Fault], headers: Mapping[str, str]) -> Reply:
        """GET of a ZIP or a .CHECKSUM; honours If-None-Match, If-Modified-Since and one byte range.

        Making a ZIP may take 0.2 s: to be called off the event loop.
        """
        key = visit.path.removeprefix("/")
        changes = tampering.of_files(faults)
        if visit.kind == "archive.checksum":
            found = self._bucket.checksum(key.removesuffix(CHECKSUM_SUFFIX), changes)
            if found is None:
                return no_such_key(key)
            body = damaged_checksum(found[0], faults)
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            return _conditional(Reply(200, body, _object_headers(f'"{etag}"', found[1], "text/plain")), headers)
        stored = self._bucket.zip(key, changes)
        if stored is None:
            return no_such_key(key)
        whole = Reply(
            200, headers=_object_headers(stored.etag, stored.modified_ms, "application/zip"), file=stored.path
        )
        return _conditional(whole, headers)

    def listing(self, query: Mapping[str, str]) -> Reply:
        """The bucket's list of objects (version 1 of the protocol): prefix, delimiter, marker, max-keys.

        Sizes and ETags are those of the files, which are made for it: to be called off the event loop.
        """
        prefix, delimiter, marker = query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
        try:
            limit = min(PAGE_KEYS, max(0, int(query.get("max-keys", PAGE_KEYS))))
        except ValueError:
            return Reply(400, b"<Error><Code>InvalidArgument</Code></Error>", _XML)
        entries, truncated = self._entries(prefix, delimiter, marker, limit)
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
            f"<Name>data.binance.vision</Name><Prefix>{escape(prefix)}</Prefix><Marker>{escape(marker)}</Marker>",
        ]
        if truncated and delimiter:
            # Without a delimiter the last key is the marker, and the store does not repeat it.
            parts.append(f"<NextMarker>{escape(entries[-1])}</NextMarker>")
        parts.append(f"<MaxKeys>{limit}</MaxKeys>")
        if delimiter:
            parts.append(f"<Delimiter>{escape(delimiter)}</Delimiter>")
        parts.append(f"<IsTruncated>{str(truncated).lower()}</IsTruncated>")
        folders = [entry for entry in entries if delimiter and entry.endswith(delimiter)]
        parts += [self._contents(entry) for entry in entries if not (delimiter and entry.endswith(delimiter))]
        parts += [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders]
        parts.append("</ListBucketResult>")
        return Reply(200, "".join(parts).encode(), _XML)

    def _entries(self, prefix: str, delimiter: str, marker: str, limit: int) -> tuple[list[str], bool]:
        """Keys and folders (ending in the delimiter) after the marker, at most `limit`; and whether more follow."""
        entries: list[str] = []
        after = marker.encode()
        last = ""
        for key in self._bucket.keys(prefix):
            entry = key
            if delimiter and (cut := key.find(delimiter, len(prefix))) >= 0:
                entry = key[: cut + len(delimiter)]
            if entry == last or entry.encode() <= after or self._is_hidden(key):
                continue
            if len(entries) == limit:
                return entries, limit > 0
            entries.append(entry)
            last = entry
        return entries, False

    def _is_hidden(self, key: str) -> bool:
        """Whether a lasting fault takes the object away; then it is not listed either."""
        path = f"/{key}"
        return any(fault.name == "not_found" for fault in self._faults.peek(Visit.of(path, {})))

    def _contents(self, key: str) -> str:
        visit = Visit.of(f"/{key}", {})
        changes = tampering.of_files(self._faults.peek(visit))
        is_checksum = key.endswith(CHECKSUM_SUFFIX)
        stored = self._bucket.zip(key.removesuffix(CHECKSUM_SUFFIX), changes)
        if stored is None:
            return ""
        size, etag = stored.size, stored.etag
        if is_checksum:
            body = checksum_text(stored, key.removesuffix(CHECKSUM_SUFFIX))
            size, etag = len(body), f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        modified = to_datetime(stored.modified_ms).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{modified}</LastModified><ETag>{escape(etag)}</ETag>"
            f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )


def _object_headers(etag: str, modified_ms: int, content_type: str) -> dict[str, str]:
    return {
        "ETag": etag,
        "Last-Modified": formatdate(modified_ms / 1_000, usegmt=True),
        "Content-Type": content_type,
        "Accept-Ranges": "bytes",
        "Server": "AmazonS3",
    }


def _conditional(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """The reply, or 304 if the client has it already, or 206 for a byte range."""
    wanted = headers.get("If-None-Match")
    if wanted is not None:
        if reply.headers["ETag"] in {tag.strip() for tag in wanted.split(",")} or wanted.strip() == "*":
            return Reply(304, headers=reply.headers)
    elif headers.get("If-Modified-Since") == reply.headers["Last-Modified"]:
        return Reply(304, headers=reply.headers)
    asked = headers.get("Range", "")
    if not asked.startswith("bytes=") or "," in asked:
        return reply
    body = reply.content()
    first_text, _, last_text = asked.removeprefix("bytes=").partition("-")
    try:
        if first_text:
            first, stop = int(first_text), min(len(body), int(last_text) + 1 if last_text else len(body))
        else:
            first, stop = max(0, len(body) - int(last_text)), len(body)
    except ValueError:
        return reply
    if not first < stop:
        return Reply(416, b"", {**reply.headers, "Content-Range": f"bytes */{len(body)}"})
    return Reply(206, body[first:stop], {**reply.headers, "Content-Range": f"bytes {first}-{stop - 1}/{len(body)}"})
