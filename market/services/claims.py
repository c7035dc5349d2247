"""Who loads what: one worker at a time for each symbol's month, one for the whole list, one for its confirmation.

Claims only save double work. Two workers that load the same month all the same store it once: see
`market.services.candles`.
"""

from __future__ import annotations

from typing import Final

from market.domain.window import Month
from market.store import claims

# Namespaces within the 64-bit keys.
_MONTHS: Final = 1 << 60
_RUNNERS: Final = 2 << 60
HISTORY_RUNNER: Final = _RUNNERS + 1
CONFIRM_RUNNER: Final = _RUNNERS + 2


def month_claim(*, symbol_id: int, month: Month) -> bool:
    """Take a symbol's month; False when another worker has it. Lost with the database connection."""
    return claims.claim(_month_key(symbol_id, month))


def month_release(*, symbol_id: int, month: Month) -> None:
    claims.release(_month_key(symbol_id, month))


def history_runner_claim() -> bool:
    """Become the worker that fills the history of all tracked symbols; False when there is one already."""
    return claims.claim(HISTORY_RUNNER)


def history_runner_release() -> None:
    claims.release(HISTORY_RUNNER)


def confirm_runner_claim() -> bool:
    """Become the worker that confirms by the archive what is stored; False when there is one already."""
    return claims.claim(CONFIRM_RUNNER)


def confirm_runner_release() -> None:
    claims.release(CONFIRM_RUNNER)


def _month_key(symbol_id: int, month: Month) -> int:
    return _MONTHS + (symbol_id << 20) + month.year * 12 + month.month
