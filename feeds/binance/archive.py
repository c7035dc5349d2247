"""The exchange's archive of finished months and days: download, verify, unpack.

Downloading is asynchronous and belongs to `ArchiveClient`. Everything that costs processor time is a plain function
of bytes (`verify`, `unzip_csv`, then `wire.frame_from_csv`), so that it can run in a worker process.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from isal import isal_zlib

from feeds.binance.endpoints import archive_url, base_address, checksum_path, file_name
from feeds.binance.errors import ChecksumMismatch, ChecksumMissing, DamagedFile, MalformedReply, NotFound, shorten
from feeds.binance.proxies import Egress, ProxyPool
from feeds.binance.replies import Answer, http_date_ms, read_answer
from feeds.binance.retries import ATTEMPTS, Sleep, retrying
from market.domain.clock import wall_clock_ms
from market.domain.window import SECOND_MS

logger = logging.getLogger(__name__)

# A month of minutes is 1.3 MB packed and 4.2 MB as CSV. What is far larger is not what was asked for, and must not
# fill the memory.
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
MAX_CSV_BYTES: Final = 64 * 1024 * 1024
MAX_CHECKSUM_BYTES: Final = 64 * 1024
_MAX_PAGE_BYTES: Final = 1024 * 1024
# The longest that one file may take as a whole.
DOWNLOAD_TIMEOUT_S: Final = 300.0

# Two blanks (text) or a blank and a star (binary) between digest and name, as sha256sum writes them; the real files
# have no newline at the end.
_CHECKSUM: Final = re.compile(r"([0-9a-fA-F]{64}) [ *]([^\r\n]+?)[ \r\n]*")
_ZIP_UTF8_NAMES: Final = 0x800
_ZIP_ENCRYPTED: Final = 0x1
# Signature, then the lengths of name and extra field at the end of the 30 bytes (APPNOTE 4.3.7).
_LOCAL_SIGNATURE: Final = b"PK\x03\x04"
_LOCAL_HEADER: Final = struct.Struct("<4s22x2H")
_BROKEN: Final[tuple[type[Exception], ...]] = (
    zipfile.BadZipFile,
    isal_zlib.error,  # type: ignore[assignment]  # its stub calls the class an instance
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # zipfile: a way of compressing that it does not know
    RuntimeError,  # zipfile: encrypted
    OSError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A ZIP whose bytes are those that its checksum was made of.

    `path` is relative to the archive's base address, `sha256` lower-case hex, `size` in bytes, `last_modified` the
    server's word for when the file was published (ms UTC; None where it says nothing).
    """

    path: str
    sha256: str
    size: int
    body: bytes = field(repr=False)
    last_modified: int | None


def read_checksum(text: bytes, name: str) -> str:
    """The digest (lower-case hex) that a .CHECKSUM file gives for the file `name`; DamagedFile if it gives none."""
    content = text.decode(errors="replace")
    found = _CHECKSUM.fullmatch(content)
    if not found:
        raise DamagedFile(name, f"its .CHECKSUM is not '<64 hex digits>  <name>' but {shorten(content)!r}")
    if found[2] != name:
        raise DamagedFile(name, f"its .CHECKSUM is that of {shorten(found[2])!r}")
    return found[1].lower()


def verify(body: bytes, checksum_text: bytes, name: str) -> str:
    """The digest of a file that matches its .CHECKSUM in content and name.

    Raises DamagedFile for a checksum that is none or another file's, or for a body that is no ZIP at all (an error
    page with status 200), and ChecksumMismatch for a ZIP of another digest.
    """
    expected = read_checksum(checksum_text, name)
    actual = hashlib.sha256(body).hexdigest()
    if actual == expected:
        return actual
    if not body.startswith(b"PK"):
        raise DamagedFile(name, f"not a ZIP; it begins with {shorten(body[:200].decode(errors='replace'))!r}")
    raise ChecksumMismatch(name, expected, actual)


def unzip_csv(body: bytes, expected_name: str, *, max_bytes: int = MAX_CSV_BYTES) -> bytes:
    """The one CSV inside a ZIP. DamagedFile unless it is alone, has the right name, a right CRC and a sane size."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            if len(members) != 1 or not _is_named(members[0], expected_name):
                names = ", ".join(member.filename for member in members) or "nothing"
                raise DamagedFile(expected_name, f"the ZIP should hold only this file, but holds {shorten(names)}")
            if members[0].file_size > max_bytes:
                raise DamagedFile(expected_name, f"{members[0].file_size} bytes unpacked, more than {max_bytes}")
            return _read(archive, members[0], body)
    except _BROKEN as error:
        raise DamagedFile(expected_name, f"the ZIP cannot be unpacked: {shorten(str(error))}") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, body: bytes) -> bytes:
    """The member's content, never more than the size stated in the directory, with its CRC checked.

    zipfile's own reading goes through zlib, which takes three times as long; inflating is a quarter of the work on a
    month's file. What is not plain deflate is left to zipfile, which knows how to read or refuse it.
    """
    if member.compress_type != zipfile.ZIP_DEFLATED or member.flag_bits & _ZIP_ENCRYPTED:
        return archive.read(member)
    signature, name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(body, member.header_offset)
    if signature != _LOCAL_SIGNATURE:
        raise zipfile.BadZipFile("no file begins where the directory says")
    start = member.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    inflater = isal_zlib.decompressobj(-isal_zlib.MAX_WBITS)
    content = inflater.decompress(memoryview(body)[start : start + member.compress_size], member.file_size + 1)
    if not inflater.eof or len(content) != member.file_size:
        raise zipfile.BadZipFile(
            f"the content does not end after the {member.file_size} bytes that the directory states"
        )
    if isal_zlib.crc32(content) != member.CRC:
        raise zipfile.BadZipFile("the content has another CRC than the directory states")
    return content


def _is_named(member: zipfile.ZipInfo, expected_name: str) -> bool:
    """Names of symbols beyond ASCII may be stored as UTF-8 without the flag that says so; zipfile then reads cp437."""
    if member.filename == expected_name:
        return True
    return not member.flag_bits & _ZIP_UTF8_NAMES and member.filename == expected_name.encode().decode("cp437")


class ArchiveClient:
    """Downloads files of the archive through the ways out of a pool."""

    def __init__(
        self,
        base_url: str,
        pool: ProxyPool,
        *,
        attempts: int = ATTEMPTS,
        download_timeout_s: float = DOWNLOAD_TIMEOUT_S,
        max_bytes: int = MAX_FILE_BYTES,
        sleep: Sleep = asyncio.sleep,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """`attempts` bounds the tries of one download that fails for reasons of the network; ValueError for a base
        address that is none."""
        self._base_url = base_address(base_url)
        self._pool = pool
        self._download_timeout_s = download_timeout_s
        self._max_bytes = max_bytes
        self._now_ms = now_ms
        self._retrying = partial(retrying, sleep=sleep, attempts=attempts)

    async def fetch(self, path: str) -> VerifiedFile:
        """The file at an archive path, verified.

        A file that does not match its checksum is fetched once more, both parts of it: it may have been published
        anew between the two requests. If it fails again, it fails.

        Raises NotFound (no such file, or not yet), ChecksumMissing, ChecksumMismatch, DamagedFile, and what the network
        or the server did after the last attempt.
        """
        try:
            return await self._retrying()(self._fetch_once, path)
        except (ChecksumMismatch, DamagedFile) as error:
            logger.warning("%s; fetching it once more", error)
            return await self._retrying()(self._fetch_once, path)

    async def fetch_checksum(self, path: str) -> str:
        """The digest (lower-case hex) that the archive gives for the file at `path` now, without the file.

        Tells whether a file that was loaded has been published anew. Raises NotFound and as `fetch`.
        """

        async def once() -> str:
            async with self._pool.slot() as egress:
                answer = await self._get(egress, checksum_path(path), MAX_CHECKSUM_BYTES)
            return read_checksum(answer.body, file_name(path))

        return await self._retrying()(once)

    async def server_time(self) -> int:
        """The time (ms UTC) of the archive's servers, at least: the date of an answer, whatever else it says, and how
        long it lay in a cache. Raises Unreachable, ProxyFailed, or MalformedReply where no date is given."""

        async def once() -> int:
            url = archive_url(self._base_url, "")
            async with self._pool.slot() as egress:
                answer = await read_answer(
                    egress.client, url, max_bytes=_MAX_PAGE_BYTES, timeout_s=self._download_timeout_s
                )
            if answer.date_ms is None:
                raise MalformedReply(url, "an HTTP Date", str(dict(answer.headers)))
            age = answer.headers.get("age", "")
            return answer.date_ms + (int(age) * SECOND_MS if age.isdecimal() else 0)

        return await self._retrying()(once)

    async def _fetch_once(self, path: str) -> VerifiedFile:
        async with self._pool.slot() as egress:
            # The ZIP first: for a file that does not exist this is one request, not two.
            packed = await self._get(egress, path, self._max_bytes)
            try:
                checksum = await self._get(egress, checksum_path(path), MAX_CHECKSUM_BYTES)
            except NotFound:
                raise ChecksumMissing(file_name(path)) from None
        digest = verify(packed.body, checksum.body, file_name(path))
        published_ms = http_date_ms(packed.headers.get("last-modified"))
        return VerifiedFile(path, digest, len(packed.body), packed.body, published_ms)

    async def _get(self, egress: Egress, path: str, max_bytes: int) -> Answer:
        try:
            answer = await read_answer(
                egress.client,
                archive_url(self._base_url, path),
                max_bytes=max_bytes,
                timeout_s=self._download_timeout_s,
                headers={"Accept-Encoding": "identity"},
            )
        except MalformedReply as error:
            raise DamagedFile(file_name(path), f"longer than {max_bytes} bytes: not the file asked for") from error
        failure = answer.error(now_ms=self._now_ms())
        if failure is not None:
            raise failure
        return answer
