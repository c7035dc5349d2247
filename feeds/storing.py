"""Turning downloaded files into stored candles: the jobs of the worker processes.

What goes in and comes out is plain data, for it crosses from process to process: refusals come back as text, database
errors as themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from feeds.binance.archive import unzip_csv
from feeds.binance.endpoints import file_name, member_name
from feeds.binance.errors import BadFile, RefusedData
from feeds.binance.wire import frame_from_csv
from market.domain.batch import CandleBatch
from market.domain.frame import CandleFrame
from market.domain.source import LoadedFile, Source
from market.domain.window import TimeWindow
from market.services.candles import candles_ingest


@dataclass(frozen=True, slots=True)
class FileJob:
    """A verified archive file of one symbol that is to be stored; `window` is the month or day it stands for.
    `corrects`: see `candles_ingest`."""

    symbol_id: int
    path: str
    sha256: str
    body: bytes = field(repr=False)
    window: TimeWindow
    source: Source
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class FrameJob:
    """Minutes of one symbol that are to be stored."""

    symbol_id: int
    frame: CandleFrame
    source: Source
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What a job brought: rows read, of them new, replaced, in conflict; or why it was refused."""

    rows: int = 0
    inserted: int = 0
    replaced: int = 0
    conflicts: int = 0
    refusal: str = ""


def store_file(job: FileJob) -> Stored:
    """Unpack, parse, check and store one file, whole or not at all."""
    frame, refusal = parse_file(job)
    if refusal:
        return Stored(refusal=refusal)
    done = candles_ingest(
        batch=CandleBatch.of(job.symbol_id, frame),
        source=job.source,
        file=LoadedFile(job.path, job.sha256, len(job.body), len(frame)),
        corrects=job.corrects,
        durable=False,
    )
    return Stored(len(frame), done.inserted, done.replaced, done.conflicts)


def store_frame(job: FrameJob) -> Stored:
    """Store minutes that are parsed already."""
    done = candles_ingest(batch=CandleBatch.of(job.symbol_id, job.frame), source=job.source, corrects=job.corrects)
    return Stored(len(job.frame), done.inserted, done.replaced, done.conflicts)


def parse_file(job: FileJob) -> tuple[CandleFrame, str]:
    """Unpack, parse and check one file: its rows and an empty text, or no rows and why it was refused."""
    try:
        frame = frame_from_csv(unzip_csv(job.body, member_name(job.path)), job.window)
    except (BadFile, RefusedData) as refused:
        return CandleFrame.empty(), f"{file_name(job.path)} refused: {refused}"
    return frame, "" if len(frame) else f"{file_name(job.path)} refused: it has no rows"
