"""What runs by the clock."""

from __future__ import annotations

from celery import shared_task

from canvas.sweep import orphans_remove


@shared_task
def sweep() -> None:
    """Remove files that a crash has left behind."""
    orphans_remove()
