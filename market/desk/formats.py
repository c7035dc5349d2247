"""Pieces of pages: ages, progress bars, the state of a job."""

from __future__ import annotations

from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from market.models import Job

_LINE: Final = 160
_OPEN: Final = SafeString(" data-open")
# Up to how many of a unit are told before the next greater one is.
_UNITS: Final = ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h"))


def age_text(seconds: float) -> str:
    """``0.4 s``, ``35 s``, ``4 min``, ``3 h``, ``5 d``."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    for limit, length, unit in _UNITS:
        if seconds < limit:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds // 86_400)} d"


def bar(percent: float, label: str) -> SafeString:
    """A progress bar and its value as text."""
    return format_html(
        '<span class="desk-bar"><progress max="100" value="{}" aria-label="{}"></progress> {} %</span>',
        f"{percent:.2f}",
        label,
        f"{percent:g}",
    )


def badge(text: str, mood: str) -> SafeString:
    """A word with a colour: good, bad, busy or plain."""
    return format_html('<span class="desk-badge desk-{}">{}</span>', mood, text)


_MOODS: Final = {
    Job.State.WAITING: "plain",
    Job.State.RUNNING: "busy",
    Job.State.DONE: "good",
    Job.State.FINDINGS: "bad",
    Job.State.FAILED: "bad",
    Job.State.WITHDRAWN: "plain",
}


def job_cell(job: Job) -> SafeString:
    """The state of a job as it is now. A page's script replaces it as long as the job is open."""
    shown = format_html(
        '{} <span class="desk-kind">{}</span>',
        badge(job.get_state_display(), _MOODS[Job.State(job.state)]),
        job.get_kind_display(),
    )
    if job.state == Job.State.RUNNING and job.steps:
        percent = job.steps_done * 1_000 // job.steps / 10
        shown = format_html("{} {}", shown, bar(percent, f"{job.get_kind_display()}: progress"))
    line = job.text.split("\n", 1)[0]
    text = line if len(line) <= _LINE else f"{line[:_LINE]}…"
    return format_html(
        '<div class="desk-job" data-job="{}"{}>{}<div class="desk-note">{}</div></div>',
        job.pk,
        _OPEN if job.is_open else "",
        shown,
        text,
    )
