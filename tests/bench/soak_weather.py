"""The weather of a soak: faults of the exchange double at random, each ending by itself, with quiet spells between.

Left out are the faults that alter what a file says while its checksum agrees: the archive then holds two truths, and
to find the second one is the work of `verify`, not of a soak.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.bench.double import DoubleProcess

Rule = dict[str, Any]

_HANDSHAKE: Final = {"kind": "ws.handshake"}
_CANDLES: Final = {"kind": "rest.klines"}
_REST: Final = {"kind": "rest.*"}
_FILES: Final = {"kind": "archive.*"}
# Each deals with one thing; what strikes a few times only still ends with its spell.
FAULTS: Final[tuple[Rule, ...]] = (
    # Closed frames.
    {"fault": "final_dropped", "probability": 0.6},
    {"fault": "final_late", "probability": 0.6, "params": {"ms": 4_000}},
    {"fault": "final_late", "probability": 0.6, "params": {"ms": 25_000}},
    {"fault": "final_repeated", "params": {"count": 2, "after_ms": 1_500}},
    {"fault": "partial_after_final", "params": {"after_ms": 300}},
    {"fault": "out_of_order"},
    # Connections.
    {"fault": "abort", "times": 2},
    {"fault": "close", "times": 2},
    {"fault": "close", "times": 1, "params": {"code": 1008, "reason": "policy"}},
    {"fault": "server_shutdown", "times": 1},
    {"fault": "garbage", "times": 3},
    {"fault": "silence", "times": 1},
    {"fault": "silence", "times": 1, "params": {"answers": False}},
    {"fault": "mute", "match": {"symbol": "ETHUSDT"}},
    # REST, all of it or candles alone.
    {"fault": "server_error", "match": _REST, "probability": 0.7},
    {"fault": "reset", "match": _REST, "probability": 0.7},
    {"fault": "reset", "match": _CANDLES, "params": {"fraction": 0.5}, "probability": 0.7},
    {"fault": "rate_limited", "match": _CANDLES, "params": {"retry_after": 3}, "times": 3, "scope": "all"},
    {"fault": "banned", "match": _CANDLES, "params": {"seconds": 15}, "times": 1, "scope": "all"},
    {"fault": "not_json", "match": _CANDLES, "probability": 0.7},
    {"fault": "forbidden", "match": _REST, "probability": 0.5},
    {"fault": "challenge", "match": _CANDLES, "probability": 0.5},
    {"fault": "stall", "match": _REST, "params": {"seconds": 4}},
    {"fault": "slow", "match": _CANDLES, "params": {"bytes_per_second": 2_000}},
    # The archive.
    {"fault": "server_error", "match": _FILES, "probability": 0.5},
    {"fault": "reset", "match": {"kind": "archive.zip"}, "params": {"fraction": 0.5}, "probability": 0.5},
    {"fault": "truncated", "match": {"kind": "archive.zip"}, "params": {"fraction": 0.5}, "times": 1},
    {"fault": "html", "match": {"kind": "archive.zip"}, "times": 1},
    {"fault": "wrong_checksum", "times": 1},
    {"fault": "bad_cell", "match": {"tier": "monthly"}, "times": 1, "scope": "all"},
    {"fault": "not_found", "match": {"kind": "archive.zip", "tier": "monthly"}, "times": 1, "scope": "all"},
    {"fault": "slow", "match": {"kind": "archive.zip"}, "params": {"bytes_per_second": 200_000}, "times": 2},
)
# No data of any symbol by the stream: what /readyz has to tell.
BLACKOUTS: Final[tuple[tuple[Rule, ...], ...]] = (
    ({"fault": "mute"},),
    ({"fault": "silence"},),
    ({"fault": "abort", "times": 1}, {"fault": "status", "match": _HANDSHAKE, "params": {"status": 503}}),
    ({"fault": "abort", "times": 1}, {"fault": "forbidden", "match": _HANDSHAKE}),
    ({"fault": "mute"}, {"fault": "rate_limited", "match": _CANDLES, "params": {"retry_after": 5}}),
)
_SPELL_S: Final = (12.0, 35.0)
_QUIET_S: Final = (6.0, 18.0)
# The collectors call a symbol stale after 45 s.
BLACKOUT_S: Final = (65.0, 80.0)
_BLACKOUT_EVERY_S: Final = 420.0


@dataclass(slots=True)
class Weather:
    """Turns the faults, in a thread of its own, from `begin` to `end`.

    `struck` counts the faults that struck, by name; `idle` those that found nothing to strike, as a fault of the
    archive does not while nothing is loaded. `spells` and `blackouts` are how many there were.
    """

    exchange: DoubleProcess
    seed: int
    seconds: float
    struck: Counter[str] = field(default_factory=Counter)
    idle: Counter[str] = field(default_factory=Counter)
    blackouts: int = 0
    spells: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _failure: BaseException | None = None

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name="weather", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, take every fault out of force; raises what the thread has stumbled over."""
        assert self._thread is not None, "the weather has not begun"
        self._stopping.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), "the weather does not end"
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._turn()
        except BaseException as error:  # noqa: BLE001  (told at the end: a soak without faults shows nothing)
            self._failure = error

    def _turn(self) -> None:
        dice = random.Random(self.seed)
        deck = _shuffled(FAULTS, dice)
        black = _shuffled(BLACKOUTS, dice)
        end = time.monotonic() + self.seconds
        # Not at once: the first spells meet the history that is loading.
        next_blackout = time.monotonic() + min(self.seconds * 0.2, _BLACKOUT_EVERY_S / 2)
        while time.monotonic() < end and not self._stopping.is_set():
            if time.monotonic() >= next_blackout and end - time.monotonic() >= BLACKOUT_S[0]:
                self.blackouts += 1
                self._spell(list(next(black)), dice.uniform(*BLACKOUT_S))
                next_blackout = time.monotonic() + dice.uniform(0.7, 1.3) * _BLACKOUT_EVERY_S
            else:
                self.spells += 1
                rules = [{**next(deck), "seed": dice.randrange(1_000)} for _ in range(dice.choice((1, 1, 2, 3)))]
                self._spell(rules, dice.uniform(*_SPELL_S))
            self._stopping.wait(dice.uniform(*_QUIET_S))

    def _spell(self, rules: list[Rule], seconds: float) -> None:
        """Some faults at once, which the exchange's clock ends."""
        until = self.exchange.clock.now() + round(seconds * 1_000)
        ids = [(rule["fault"], self.exchange.fault({**rule, "until_ms": until})) for rule in rules]
        names = ", ".join(" ".join((rule["fault"], *rule.get("match", {}).values())) for rule in rules)
        print(f"{time.strftime('%H:%M:%S')} for {seconds:.0f} s: {names}", flush=True)
        self._stopping.wait(seconds)
        for name, fault_id in ids:
            hits = self.exchange.end_fault(fault_id)
            (self.struck if hits else self.idle)[name] += 1


def _shuffled(cards: tuple[Any, ...], dice: random.Random) -> Iterator[Any]:
    """One after the other in a new order each time round, without end."""
    while True:
        yield from dice.sample(cards, len(cards))
