"""A database that has gone silent: its machine hangs, or the way to it swallows everything.

A server that has died refuses connections, which is noticed at once. One that hangs keeps them open, and whoever waits
for it waits for ever. A slow answer looks the same from here, so silence alone proves nothing: after a moment the
waiting thread tries to open another connection. A server that lets it in is at work, and is waited for; one that does
not is away, for this thread and, for a moment, for all others.

Only a process that has clients to answer is so impatient (`be_impatient`); a load goes on waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

import psycopg
from psycopg import OperationalError

# Together less than the two seconds within which a client is told, with room for a machine that is busy.
SILENT_AFTER_S: Final = 0.7
_CONNECT_S: Final = 0.7
# For so long nobody asks again whether the server is back, and nobody whether it is still there.
_BELIEVED_S: Final = 0.5
# Until it is asked for again, after it was found to be at work.
PATIENT_S: Final = 4 * SILENT_AFTER_S
# A backend that says nothing for so long is stuck, whatever its server says.
LONGEST_S: Final = 120.0

_Result = TypeVar("_Result")

_impatient = False
_asking = threading.Lock()
_silent_at = _heard_at = float("-inf")


def be_impatient() -> None:
    """From now on, for all connections of this process."""
    global _impatient  # noqa: PLW0603 (a fact about the process)
    _impatient = True


class WatchedConnection(psycopg.Connection[Any]):
    """Raises OperationalError where the server does not answer, and is closed then."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if not _impatient:
            return super().wait(gen, interval, timeout)
        try:
            _raise_if_silent()
            return super().wait(_watched(self, gen), interval, timeout)
        except SilentServer:
            # Somewhere in the middle of a conversation: of no use to anybody.
            self.pgconn.finish()
            raise

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Any:
        # psycopg's own limit cannot be less than two seconds.
        connecting = super()._connect_gen(conninfo)
        return _limited(connecting) if _impatient else connecting


class SilentServer(OperationalError):
    """The database does not answer."""


def _watched(connection: WatchedConnection, waiting: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
    """`waiting`, with a look at the server whenever it has been silent for a while."""
    began = heard = time.monotonic()
    patience = SILENT_AFTER_S

    def look(has_heard: bool) -> None:
        nonlocal heard, patience
        now = time.monotonic()
        if has_heard:
            heard = now
        elif now - began > LONGEST_S:
            raise SilentServer("a statement has got no answer")
        elif now - heard > patience:
            knock(connection.info.dsn, connection.info.password)
            heard, patience = time.monotonic(), PATIENT_S

    return _each_time(look, waiting)


def _limited(connecting: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
    """`connecting`, for a moment."""
    _raise_if_silent()
    deadline = time.monotonic() + _CONNECT_S

    def look(has_heard: bool) -> None:
        if not has_heard and time.monotonic() > deadline:
            _be_silent()
            raise SilentServer("the server lets nobody in")

    return _each_time(look, connecting)


def _each_time(look: Callable[[bool], None], waiting: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
    """`waiting`; whenever it is woken, by the server (True) or because nothing came (False), `look` is told first."""
    try:
        state = next(waiting)
        while True:
            ready = yield state
            look(bool(ready))
            state = waiting.send(ready)
    except StopIteration as end:
        result: _Result = end.value
        return result


def knock(dsn: str, password: str) -> None:
    """Raise SilentServer if the server lets nobody in. Who asks while another one does gets the same answer."""
    global _heard_at  # noqa: PLW0603 (a fact about the server)
    with _asking:
        _raise_if_silent()
        if time.monotonic() - _heard_at < _BELIEVED_S:
            return
        try:
            WatchedConnection.connect(dsn, password=password or None).close()
        except OperationalError as error:
            _be_silent()
            raise SilentServer("the server does not answer") from error
        _heard_at = time.monotonic()


def is_silent() -> bool:
    """Whether the server was found to be silent a moment ago."""
    return time.monotonic() - _silent_at < _BELIEVED_S


def _raise_if_silent() -> None:
    if is_silent():
        raise SilentServer("the server did not answer a moment ago")


def _be_silent() -> None:
    global _silent_at  # noqa: PLW0603 (a fact about the server)
    _silent_at = time.monotonic()
