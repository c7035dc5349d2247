"""The exchange's time: what is closed, late or stale is judged by its clock, not by ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from market.domain.clock import wall_clock_ms
from market.domain.window import MINUTE_MS, SECOND_MS


class ExchangeClock:
    """Milliseconds UTC. This machine's time until the exchange has told its own (`is_known`), and until then nothing
    may be judged by it.

    What the exchange says was true when it said so, and takes a while to arrive: the clock may be that little behind,
    and is never ahead. Behind, a minute is looked for a moment later than it could be; ahead, one that is open would
    count as over.

    `speed` is how fast the exchange's clock runs: 1, but for a double that was sped up.
    """

    # An event that claims to be later than this lies; a clock is never believed to be wrong by more.
    BELIEVED_MS: Final = MINUTE_MS

    def __init__(
        self,
        *,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        start_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self.speed = speed
        self._monotonic = monotonic
        self._at_ms = start_ms()
        self._made_s = self._at_s = monotonic()
        self.is_known = False

    def now(self) -> int:
        return self._at_ms + int((self._monotonic() - self._at_s) * SECOND_MS * self.speed)

    def elapsed(self) -> int:
        """Milliseconds since the clock was made, at the exchange's pace: for durations, since `now` may be turned in
        between."""
        return int((self._monotonic() - self._made_s) * SECOND_MS * self.speed)

    def tell(self, server_ms: int, *, took_ms: int = 0) -> None:
        """The exchange was asked for its time and said this, at some moment of the last `took_ms` (its pace).

        That leaves a range. A clock inside it is left as it is, for events may have told it more exactly.
        """
        if self.is_known and 0 <= self.now() - server_ms <= took_ms:
            return
        self._at_ms, self._at_s, self.is_known = server_ms, self._monotonic(), True

    def hear(self, event_ms: int) -> None:
        """An event of the stream bears this time: it is at least as late as that."""
        ahead = event_ms - self.now()
        if not self.is_known or 0 < ahead <= self.BELIEVED_MS:
            self.tell(event_ms)
