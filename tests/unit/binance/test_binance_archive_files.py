"""Checksums and ZIPs: the right one file, or an error that says what came instead."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from feeds.binance.archive import unzip_csv, verify
from feeds.binance.errors import ChecksumMismatch, DamagedFile

ZIP_NAME = "BTCUSDT-1m-2024-01-01.zip"
CSV_NAME = "BTCUSDT-1m-2024-01-01.csv"
CSV = b"1725174840000,0.1223\n" * 100


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            # A fixed moment: the bytes name parameters, which must be the same in every process of tests.
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 2, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


BODY = packed({CSV_NAME: CSV})
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("separator", ["  ", " *"])
def test_a_checksum_of_any_usual_form_is_accepted(separator: str, ending: str) -> None:
    assert verify(BODY, f"{DIGEST}{separator}{ZIP_NAME}{ending}".encode(), ZIP_NAME) == DIGEST


def test_a_checksum_in_capitals_is_the_same_checksum() -> None:
    assert verify(BODY, f"{DIGEST.upper()}  {ZIP_NAME}".encode(), ZIP_NAME) == DIGEST


def test_names_beyond_ascii_are_compared_as_text() -> None:
    name = "龙虾USDT-1m-2026-02.zip"
    assert verify(BODY, f"{DIGEST}  {name}".encode(), name) == DIGEST


def test_another_digest_is_a_mismatch_that_shows_both() -> None:
    with pytest.raises(ChecksumMismatch) as mismatch:
        verify(BODY, f"{'0' * 64}  {ZIP_NAME}".encode(), ZIP_NAME)
    assert (mismatch.value.expected, mismatch.value.actual) == ("0" * 64, DIGEST)


def test_the_checksum_of_another_file_is_refused_though_the_digest_fits() -> None:
    with pytest.raises(DamagedFile, match="that of 'ETHUSDT"):
        verify(BODY, f"{DIGEST}  ETHUSDT-1m-2024-01-01.zip".encode(), ZIP_NAME)


@pytest.mark.parametrize("text", [b"", b"<html></html>", b"\xff" * 40, DIGEST.encode(), b"0" * 63 + b"  " + b"x"])
def test_a_checksum_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(DamagedFile, match="CHECKSUM is not"):
        verify(BODY, text, ZIP_NAME)


def test_a_page_in_place_of_the_file_is_named_as_such() -> None:
    with pytest.raises(DamagedFile, match="not a ZIP; it begins with '<html>"):
        verify(b"<html>maintenance</html>", f"{DIGEST}  {ZIP_NAME}".encode(), ZIP_NAME)


def test_the_csv_comes_out_byte_for_byte() -> None:
    assert unzip_csv(BODY, CSV_NAME) == CSV


def test_a_member_with_a_name_beyond_ascii_comes_out() -> None:
    name = "龙虾USDT-1m-2026-02.csv"
    assert unzip_csv(packed({name: CSV}), name) == CSV


def test_a_utf8_name_without_the_flag_that_says_so_is_recognised() -> None:
    name = "龙虾USDT-1m-2026-02.csv"
    body = bytearray(packed({name: CSV}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        flags = body.index(signature) + offset
        body[flags + 1] &= ~0x08
    assert unzip_csv(bytes(body), name) == CSV


@pytest.mark.parametrize(
    "members",
    [{}, {"other.csv": CSV}, {CSV_NAME: CSV, "extra.txt": b""}, {"folder/" + CSV_NAME: CSV}, {CSV_NAME.upper(): CSV}],
)
def test_anything_but_the_one_right_member_is_refused(members: dict[str, bytes]) -> None:
    with pytest.raises(DamagedFile, match="should hold only this file"):
        unzip_csv(packed(members), CSV_NAME)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html></html>", BODY[:-30], BODY[: len(BODY) // 2], b"PK\x03\x04" + b"\0" * 60],
    # The packed bytes hold the time of packing: as names they would differ from process to process.
    ids=["nothing", "a page", "no directory", "half", "no content"],
)
def test_a_broken_zip_is_refused(body: bytes) -> None:
    with pytest.raises(DamagedFile, match="cannot be unpacked"):
        unzip_csv(body, CSV_NAME)


@pytest.mark.parametrize("position", range(40, 80, 3))
def test_a_flipped_bit_never_goes_unnoticed(position: int) -> None:
    flipped = bytearray(BODY)
    flipped[position] ^= 0x10
    try:
        content = unzip_csv(bytes(flipped), CSV_NAME)
    except DamagedFile:
        return
    assert content == CSV  # the bit was in a field that does not matter, such as the local copy of the name


def test_a_file_that_would_unpack_beyond_the_limit_is_refused_before_it_does() -> None:
    bomb = packed({CSV_NAME: b"0" * 5_000_000})
    assert len(bomb) < 10_000
    with pytest.raises(DamagedFile, match="more than 1000000"):
        unzip_csv(bomb, CSV_NAME, max_bytes=1_000_000)


def test_a_false_size_in_the_directory_does_not_unlock_more_bytes() -> None:
    body = bytearray(packed({CSV_NAME: b"0" * 5_000_000}))
    size_field = body.index(b"PK\x01\x02") + 24
    body[size_field : size_field + 4] = (10).to_bytes(4, "little")
    with pytest.raises(DamagedFile):
        unzip_csv(bytes(body), CSV_NAME, max_bytes=1_000_000)


def test_an_encrypted_member_is_refused() -> None:
    body = bytearray(BODY)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(signature) + offset] |= 0x01
    with pytest.raises(DamagedFile, match="cannot be unpacked"):
        unzip_csv(bytes(body), CSV_NAME)
