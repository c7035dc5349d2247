"""Reading the operator's jobs."""

from __future__ import annotations

from collections.abc import Collection

from market.models import JOB_IS_HELD, JOB_IS_OPEN, Job


def jobs_are_waiting() -> bool:
    """Whether there is a job that could be taken: some are open, and nobody is at one."""
    return Job.objects.filter(JOB_IS_OPEN).exists() and not Job.objects.filter(JOB_IS_HELD).exists()


def jobs_of_symbol(*, symbol_id: int, limit: int = 10) -> list[Job]:
    """The newest jobs of a symbol, newest first."""
    return list(Job.objects.filter(symbol_id=symbol_id).select_related("symbol")[:limit])


def jobs_newest(symbol_ids: Collection[int]) -> dict[int, Job]:
    """The newest job of each of these symbols (by id); symbols that never had one are absent."""
    newest = (
        Job.objects.filter(symbol_id__in=symbol_ids)
        .order_by("symbol_id", "-wished_at", "-id")
        .distinct("symbol_id")
        .select_related("symbol")
    )
    return {job.symbol_id: job for job in newest}
