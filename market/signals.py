"""What the market side tells others after a commit. Hints, not commands: a lost one heals at the next comparison of
wish and reality."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `symbol` (market.models.Symbol) when the wish for it has changed.
symbol_wish_changed = Signal()

# Sent with nothing when the wish for all collectors has changed (restart, shutdown, start).
collector_wish_changed = Signal()

# Sent with `job` (market.models.Job) when an operator has asked for a piece of work.
job_wished = Signal()
