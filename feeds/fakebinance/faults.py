"""The fault book: what goes wrong, for which requests, how often. `fault_kinds` says what faults there are."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from feeds.fakebinance.clock import Clock
from feeds.fakebinance.fault_kinds import DATA_FAULTS, NAMES, STREAM_FAULTS, FaultError, check_params, is_natural
from feeds.fakebinance.visits import Visit

_MATCH_KEYS: Final = ("kind", "path", "symbol", "interval", "tier", "month", "day", "stream", "connection", "minute")
_KEPT_DECISIONS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule of the book.

    `match` maps kind, path, symbol, interval, tier, month, day, stream, connection or minute to a shell pattern;
    every given one must fit (`Visit` says what requests carry). Without a kind the fault hits the requests it makes
    sense for. `times` counts hits per request path, so that a ZIP and its .CHECKSUM have a budget each (per stream
    for what hits a stream, per path for what hits a connection), or hits of any path with `scope="all"`; None is for
    ever. `skip` lets the first matching requests pass, by the same count. `until_ms` ends the fault by the
    exchange's clock. `probability` draws from a generator seeded with `seed`.
    """

    name: str
    match: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = None
    skip: int = 0
    scope: str = "path"
    probability: float = 1.0
    seed: int = 0
    until_ms: int | None = None
    id: int = 0

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise FaultError(f"unknown fault {self.name!r}: expected one of {', '.join(sorted(NAMES))}")
        unknown = [key for key in self.match if key not in _MATCH_KEYS]
        if unknown:
            raise FaultError(f"fault {self.name} matches by unknown {unknown}: expected {', '.join(_MATCH_KEYS)}")
        if self.scope not in {"path", "all"}:
            raise FaultError(f"scope {self.scope!r}: expected 'path' or 'all'")
        if not 0.0 <= self.probability <= 1.0:
            raise FaultError(f"probability {self.probability!r}: expected a number from 0 to 1")
        if self.name in DATA_FAULTS and (self.times is not None or self.skip or self.probability < 1.0):
            # A day that comes and goes with the request count would not be a property of the market.
            raise FaultError(f"{self.name} is a property of the market: end it with until_ms or by removing it")
        check_params(self.name, self.params)

    @classmethod
    def from_json(cls, data: object) -> Fault:
        """Read a rule as the control endpoint and fault files write it; FaultError says what is wrong."""
        if not isinstance(data, dict) or not isinstance(data.get("fault"), str):
            raise FaultError('a fault is an object such as {"fault": "not_found", "match": {"symbol": "BTCUSDT"}}')
        allowed = {"fault", "match", "params", "times", "skip", "scope", "probability", "seed", "until_ms"}
        unknown = sorted(set(data) - allowed)
        if unknown:
            raise FaultError(f"unknown keys {unknown} in a fault: expected {sorted(allowed)}")
        match, params = data.get("match", {}), data.get("params", {})
        if not isinstance(match, dict) or not isinstance(params, dict):
            raise FaultError("match and params of a fault are objects")
        times = data.get("times")
        if times == "forever":
            times = None
        numbers = {key: data[key] for key in ("skip", "seed", "until_ms") if data.get(key) is not None}
        wrong = [key for key, value in {**numbers, "times": times or 0}.items() if type(value) is not int or value < 0]
        if wrong:
            raise FaultError(f"{', '.join(wrong)} of a fault: expected whole numbers from 0 up (times also 'forever')")
        probability = data.get("probability", 1.0)
        if not isinstance(probability, (int, float)):
            raise FaultError(f"probability {probability!r}: expected a number from 0 to 1")
        return cls(
            name=data["fault"],
            match={key: str(value) for key, value in match.items()},
            params=params,
            times=times,
            scope=str(data.get("scope", "path")),
            probability=float(probability),
            **numbers,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "fault": self.name,
            "match": dict(self.match),
            "params": dict(self.params),
            "times": "forever" if self.times is None else self.times,
            "skip": self.skip,
            "scope": self.scope,
            "probability": self.probability,
            "seed": self.seed,
            "until_ms": self.until_ms,
        }

    def concerns(self, visit: Visit) -> bool:
        """Whether the request is one that the fault is for."""
        if "kind" not in self.match and not is_natural(self.name, visit.kind):
            return False
        return all(
            (value := getattr(visit, key)) is not None and fnmatchcase(value, pattern)
            for key, pattern in self.match.items()
        )


class FaultBook:
    """The rules in force, in the order of their arrival. Safe to use from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._faults: dict[int, Fault] = {}
        self._dice: dict[int, random.Random] = {}
        self._seen: Counter[tuple[int, str]] = Counter()
        self._hits: Counter[tuple[int, str]] = Counter()
        self._decisions: OrderedDict[tuple[int, str], bool] = OrderedDict()
        self.has_stream_rules = False

    def add(
        self,
        name: str,
        *,
        match: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        times: int | None = None,
        **rest: Any,
    ) -> Fault:
        """Put a rule into force; `rest` are the other fields of `Fault`. Returns it with its id."""
        return self.enter(Fault(name, match=match or {}, params=params or {}, times=times, **rest))

    def enter(self, fault: Fault) -> Fault:
        """Put a rule into force, under a new id."""
        with self._lock:
            entered = replace(fault, id=next(self._ids))
            self._faults[entered.id] = entered
            self._dice[entered.id] = random.Random(fault.seed)
            self._look()
            return entered

    def remove(self, fault_id: int) -> bool:
        """Take a rule out; False if there was none."""
        with self._lock:
            is_there = self._faults.pop(fault_id, None) is not None
            self._look()
            return is_there

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._look()

    def _look(self) -> None:
        """Remember whether any rule is about streams, which ask for every frame."""
        self.has_stream_rules = any(fault.name in STREAM_FAULTS for fault in self._faults.values())

    def rules(self) -> list[Fault]:
        with self._lock:
            return list(self._faults.values())

    def hits(self, fault_id: int) -> int:
        """How many requests the fault has hit so far."""
        with self._lock:
            return sum(count for (owner, _), count in self._hits.items() if owner == fault_id)

    def claim(self, visit: Visit) -> list[Fault]:
        """The faults that hit this request, counted as used."""
        if not self._faults:
            return []
        with self._lock:
            return [fault for fault in self._faults.values() if fault.concerns(visit) and self._strikes(fault, visit)]

    def _strikes(self, fault: Fault, visit: Visit) -> bool:
        if fault.until_ms is not None and self._clock.now() >= fault.until_ms:
            return False
        if visit.occasion is None:
            return self._is_spent_on(fault, visit)
        key = fault.id, visit.occasion
        if key not in self._decisions:
            self._decisions[key] = self._is_spent_on(fault, visit)
            # Those of open connections are asked for all the time, and so never the oldest.
            if len(self._decisions) > _KEPT_DECISIONS:
                self._decisions.popitem(last=False)
        self._decisions.move_to_end(key)
        return self._decisions[key]

    def _is_spent_on(self, fault: Fault, visit: Visit) -> bool:
        """Count the visit, and whether the fault's times, skip and dice let it hit."""
        budget = (fault.id, visit.budget if fault.scope == "path" else "*")
        if fault.times is not None and self._hits[budget] >= fault.times:
            return False
        self._seen[budget] += 1
        if self._seen[budget] <= fault.skip:
            return False
        if fault.probability < 1.0 and self._dice[fault.id].random() >= fault.probability:
            return False
        self._hits[budget] += 1
        return True

    def peek(self, visit: Visit) -> list[Fault]:
        """The unlimited faults that would hit this request, without using them up: for what a listing shows and
        for what the market lacks."""
        with self._lock:
            return [
                fault
                for fault in self._faults.values()
                if fault.times is None and fault.skip == 0 and fault.probability == 1.0
                if fault.until_ms is None or self._clock.now() < fault.until_ms
                if fault.concerns(visit)
            ]

    def absent_days(self, symbol: str) -> frozenset[str]:
        """The days (YYYY-MM-DD) that no source has for the symbol."""
        if not self._faults:
            return frozenset()
        visit = Visit("rest.klines", "/fapi/v1/klines", symbol)
        return days_named(fault for fault in self.peek(visit) if fault.name in DATA_FAULTS)


def days_named(faults: Iterable[Fault]) -> frozenset[str]:
    """All days that the faults name."""
    return frozenset(str(day) for fault in faults for day in fault.params["days"])
