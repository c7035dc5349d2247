"""Symbols, the day ledger, the record of archive files, the collectors, and the operator's jobs.

The candle tables have no models: they are hypertables that only `market.store` reads and writes.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from django.db import models
from django.db.models.functions import Now

from market.domain.interval import Interval
from market.domain.source import DayState
from market.domain.window import EARLIEST_MS, LATEST_MS, TimeWindow, from_datetime


class Symbol(models.Model):
    """A contract of the exchange, and whether its candles are wanted.

    The exchange's list keeps the first half up to date; the second half is the operator's wish. Rows are never
    deleted: candles refer to `id`, and a delisted symbol keeps its history.
    """

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=64, unique=True, help_text="Upper case; the exchange has Unicode names.")
    status = models.CharField(max_length=32, default="", help_text="The exchange's word, or empty if it never said.")
    contract_type = models.CharField(max_length=32, default="")
    base_asset = models.CharField(max_length=32, default="")
    quote_asset = models.CharField(max_length=32, default="")
    tick_size = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    step_size = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    onboard_at = models.DateTimeField(null=True, help_text="First trading moment announced by the exchange.")
    delivery_at = models.DateTimeField(null=True, help_text="End of trading; empty for a contract without an end.")

    is_tracked = models.BooleanField(default=False)
    tracked_at = models.DateTimeField(null=True, help_text="When it was last wished for; empty: never.")
    backfill_from = models.DateTimeField(null=True, blank=True, help_text="Earlier or later than DATA_START.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        indexes = (
            # Every loop of collector and history starts from the tracked ones, a few of several hundred.
            models.Index(fields=["id"], condition=models.Q(is_tracked=True), name="symbol_tracked"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def life(self) -> TimeWindow:
        """From listing to delisting, as far as the exchange announced them; a minute that has begun counts whole."""
        start = EARLIEST_MS if self.onboard_at is None else Interval.M1.floor(from_datetime(self.onboard_at))
        end = LATEST_MS if self.delivery_at is None else from_datetime(self.delivery_at)
        return TimeWindow(start, max(start, end))


class ArchiveFile(models.Model):
    """An archive file that was loaded, in its newest issue. Of one that was refused, the notes of its days tell."""

    path = models.CharField(max_length=255, unique=True)
    symbol = models.ForeignKey(Symbol, on_delete=models.PROTECT, related_name="files")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(help_text="Bytes of the ZIP.")
    rows = models.PositiveIntegerField()
    loaded_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("path",)

    def __str__(self) -> str:
        return self.path


class LedgerDay(models.Model):
    """What is stored of one symbol on one UTC day, and how far it can be trusted.

    The four counts say which source each stored minute came from; `expected` is how many minutes the symbol lived on
    that day. The service that stores minutes moves them, in the transaction that writes the minutes.
    """

    symbol = models.ForeignKey(Symbol, on_delete=models.PROTECT, related_name="days")
    day = models.DateField()
    state = models.CharField(max_length=8, choices=[(state.value, state.value) for state in DayState])
    expected = models.PositiveSmallIntegerField()
    live_rows = models.PositiveSmallIntegerField(default=0)
    monthly_rows = models.PositiveSmallIntegerField(default=0)
    rest_rows = models.PositiveSmallIntegerField(default=0)
    daily_rows = models.PositiveSmallIntegerField(default=0)
    conflict_rows = models.PositiveSmallIntegerField(default=0, help_text="Minutes on which sources disagreed.")
    conflicting = models.BinaryField(null=True, help_text="Which minutes: one bit for each, the day's first lowest.")
    is_settled = models.BooleanField(
        default=False, help_text="Every source was asked; what is missing does not exist there. Not asked for again."
    )
    file = models.ForeignKey(ArchiveFile, on_delete=models.SET_NULL, null=True, related_name="days")
    note = models.TextField(default="", blank=True, help_text="What happened, newest last.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("symbol_id", "day")
        constraints = (
            # Also the index of every read: one symbol, a range of days.
            models.UniqueConstraint(fields=["symbol", "day"], name="ledger_symbol_day"),
        )

    def __str__(self) -> str:
        return f"{self.symbol_id} {self.day} {self.state}"


# How many minutes of its day an entry has, in a query.
STORED_ROWS: Final = models.F("live_rows") + models.F("monthly_rows") + models.F("rest_rows") + models.F("daily_rows")

# How long a collector counts as alive without a word from it. Its leases last as long: what it held is free then.
LEASE: Final = dt.timedelta(seconds=10)


class Collector(models.Model):
    """A collector process and what it last said of itself. The row goes when the process ends in order; one that was
    killed leaves it behind, and its age tells."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now(), help_text="By the database's clock.")
    is_active = models.BooleanField(default=True, help_text="Takes shards; false while the wish is to stand still.")
    is_connected = models.BooleanField(default=False, help_text="Candles of the stream are coming.")
    connections = models.PositiveIntegerField(default=0)
    symbols = models.PositiveIntegerField(default=0)
    shard_count = models.PositiveSmallIntegerField(
        default=8, help_text="Its setting COLLECTOR_SHARDS. All follow the one that has run longest."
    )

    class Meta:
        ordering = ("started_at",)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class CollectorShard(models.Model):
    """A share of the symbols (those whose id has this remainder) and the collector that streams it.

    A lease: whoever holds it renews it; one that has run out may be taken by a conditional UPDATE.
    """

    number = models.PositiveSmallIntegerField(primary_key=True)
    holder = models.ForeignKey(Collector, on_delete=models.SET_NULL, null=True, related_name="shards")
    expires_at = models.DateTimeField(db_default=Now(), help_text="By the database's clock.")

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"shard {self.number}"


class CollectorWish(models.Model):
    """What the operator wants of all collectors: one row. Collectors compare themselves with it, so that a wish is
    never lost on its way."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    is_running = models.BooleanField(default=True)
    generation = models.PositiveIntegerField(default=0, help_text="A collector of an older one starts anew.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="collector_wish_is_one_row"),)

    def __str__(self) -> str:
        return "run" if self.is_running else "stand still"


# How long a running job counts as held without a word from its worker.
JOB_LEASE: Final = dt.timedelta(seconds=20)


class Job(models.Model):
    """A long piece of work on one symbol that an operator has asked for, and what has become of it.

    A worker takes it with a lease by the database's clock and says how far it is. One whose worker was killed is taken
    up again when the lease has run out: every kind of work may be repeated.
    """

    class Kind(models.TextChoices):
        LOAD = "load", "load what is missing"
        REPAIR = "repair", "repair gaps"
        VERIFY = "verify", "verify"
        CORRECT = "correct", "verify and correct"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FINDINGS = "findings", "done, with findings"
        FAILED = "failed", "failed"
        WITHDRAWN = "withdrawn", "withdrawn"

    symbol = models.ForeignKey(Symbol, on_delete=models.PROTECT, related_name="jobs")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    wished_by = models.CharField(max_length=150, help_text="The operator's name.")
    wished_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, help_text="When a worker took it, the last one if there were several.")
    ended_at = models.DateTimeField(null=True)
    runner = models.UUIDField(null=True, help_text="The turn that has it; nobody else may report on it.")
    seen_at = models.DateTimeField(null=True, help_text="Its worker's last word, by the database's clock.")
    steps = models.PositiveIntegerField(default=0, help_text="Months to go through; 0 until that is known.")
    steps_done = models.PositiveIntegerField(default=0)
    text = models.TextField(default="", help_text="How far it is, then what came of it.")

    class Meta:
        ordering = ("-wished_at", "-id")
        constraints = (
            # Also the index of every look for work: a few open ones among all that ever were.
            models.UniqueConstraint(
                fields=["symbol"], condition=models.Q(state__in=["waiting", "running"]), name="job_one_open_a_symbol"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.symbol_id}"

    @property
    def is_open(self) -> bool:
        return self.state in {self.State.WAITING, self.State.RUNNING}


JOB_IS_OPEN: Final = models.Q(state__in=[Job.State.WAITING, Job.State.RUNNING])
JOB_IS_HELD: Final = models.Q(state=Job.State.RUNNING, seen_at__gt=Now() - JOB_LEASE)
