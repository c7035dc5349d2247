"""What a soak reports: its figures, each with its bound where it has one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.bench.soak_memory import Memory
from tests.bench.soak_readiness import GRACE_S, Readiness
from tests.bench.soak_user import User
from tests.bench.tables import verdict
from tests.support.storm_clients import Follower
from tests.support.storm_truth import Truth

# What a process may grow by from the first sixth of its time to the last. 20 MiB in half an hour would be 1 GiB in a
# day, which nobody would overlook; a tenth of a small process is less than allocators move about, so 5 MiB are free.
_GROWTH_MIB: Final = 20.0
_GROWTH: Final = 0.10
_FREE_MIB: Final = 5.0
# A probe is answered within 2 s whatever hangs, says the product.
_PROBE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table; `trouble` tells more of one that is not met."""

    name: str
    value: str
    bound: str = ""
    is_met: bool = True
    trouble: str = ""

    def cells(self) -> tuple[str, str, str, str]:
        return self.name, self.value, self.bound, verdict(met=self.is_met) if self.bound else ""


def of_user(user: User, refused: list[str]) -> Iterator[Figure]:
    """What was asked, and how it was answered; `refused` are wishes that were."""
    complaints = user.complaints + refused
    count = sum(map(len, user.latencies.values()))
    yield Figure("requests of the user", f"{count:,}")
    yield Figure("answers that no user should get", f"{len(complaints)}", "0", not complaints, few(complaints))
    for name, latencies in user.latencies.items():
        yield Figure(f"GET {name}, p50 / p99 / longest ms", _milliseconds(latencies))


def of_probe(probe: Readiness) -> Iterator[Figure]:
    """Whether the probes were told the truth."""
    yield Figure("probes of /readyz, of which 503", f"{probe.probes:,} / {probe.not_ready:,}")
    yield Figure("probes without an answer", f"{len(probe.away)}", "0", not probe.away, few(probe.away))
    for name, stretch in (
        ("stale called fresh, longest s", probe.praise),
        ("fresh called stale, longest s", probe.blame),
        ("wrong status, longest s", probe.wrong_status),
    ):
        is_met = stretch.longest_s <= GRACE_S
        yield Figure(name, f"{stretch.longest_s:.1f}", f"<= {GRACE_S:.0f}", is_met, stretch.what)
    p99 = float(np.percentile(probe.latencies, 99))
    yield Figure("/healthz and /readyz, p50 / p99 / longest ms", _milliseconds(probe.latencies),
                 f"p99 < {_PROBE_S * 1_000:.0f}", p99 < _PROBE_S)  # fmt: skip


def of_client(follower: Follower, truth: Truth) -> Figure:
    """Each closed bar once, in order, with the exchange's values."""
    mistakes = list(follower.mistakes)
    bars = 0
    for symbol in follower.symbols:
        for interval in follower.intervals:
            expected = truth.expected((symbol, interval))
            bars += len(expected)
            if follower.closed[symbol, interval] != expected:
                got = follower.times((symbol, interval))
                mistakes.append(f"{symbol} {interval}: {got} for {[bar['timestamp'] for bar in expected]}")
    if follower.name == "steady" and follower.connects > 1:
        mistakes.append(f"was thrown out {follower.connects - 1} times")
    name = f"{follower.name} client: {bars} closed bars, {follower.connects} connects; mistakes"
    return Figure(name, f"{len(mistakes)}", "0", not mistakes and bars > 0, few(mistakes))


def of_memory(memory: Memory, warm: float) -> Iterator[Figure]:
    """How much each process has grown since it was warm (monotonic seconds)."""
    for growth in memory.growth(warm):
        is_met = growth.mib < _GROWTH_MIB and (growth.share < _GROWTH or growth.mib < _FREE_MIB)
        yield Figure(
            f"{growth.name}, MiB first / last / peak",
            f"{growth.first:.0f} / {growth.last:.0f} / {growth.peak:.0f} ({growth.mib:+.1f})",
            f"< +{_GROWTH_MIB:.0f}, {_GROWTH:.0%}",
            is_met,
            f"{growth.share:+.0%} in {growth.looks} looks",
        )
    yield Figure("processes that came and went, largest MiB", "{} / {:.0f}".format(*memory.passing(warm)))


def few(texts: list[str]) -> str:
    """The first of them, for below the table."""
    return "\n    ".join(texts[:5])


def _milliseconds(latencies: list[float]) -> str:
    return " / ".join(f"{value * 1_000:.0f}" for value in (*np.percentile(latencies, [50, 99]), max(latencies)))
