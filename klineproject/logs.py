"""The log: one line an event, as text or as JSON; no secret in it; what repeats is counted and not repeated.

Everything that runs writes through one handler: our loggers, Django's, uvicorn's and Celery's, Python's warnings, and
errors that nobody has caught.
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

# uvicorn's two lines for each socket, the first of which quotes the address with what may be a token in it.
_OF_SOCKETS: Final = ('%s - "WebSocket %s"', "connection open", "connection closed", "connection rejected")
_HIDDEN: Final = "***"
# A word as short as this stands in many a line by itself. Where it is a password, it is hidden in addresses only.
_SHORTEST_SECRET: Final = 6
_IN_ADDRESS: Final = re.compile(r"(://[^/\s:@'\"]*:)[^/\s@'\"]+@")

_secrets: list[str] = []


def hide(secrets: Iterable[str]) -> None:
    """From now on, none of these stands in the log."""
    forms = {
        form
        for secret in secrets
        if len(secret) >= _SHORTEST_SECRET
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
    }
    # The longest first: one may be a part of another.
    _secrets[:] = sorted({*_secrets, *forms}, key=len, reverse=True)


def without_secrets(text: str) -> str:
    for secret in _secrets:
        text = text.replace(secret, _HIDDEN)
    return _IN_ADDRESS.sub(rf"\1{_HIDDEN}@", text)


class TextFormatter(logging.Formatter):
    """For people: a line, and below it the stack trace where there is one."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {line}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        # Whoever can put a line break into a message must not be able to invent events.
        record.line = " ".join(record.message.split("\n")) + _left_out(record)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class JsonFormatter(BaseJsonFormatter):
    """For machines: an object a line, with time (UTC), level, logger and message; `exception` is a stack trace,
    `left_out` how many like this were not written."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}",
            style="{",
            # uvicorn's second form of its messages, for terminals.
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "exception"},
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _left_out(record: logging.LogRecord) -> str:
    count = getattr(record, "left_out", 0)
    return f" ({count} more like this were left out)" if count else ""


class Repeats(logging.Filter):
    """Lets a warning or an error pass once in `EVERY_S`, and of those that differ in their details alone no more than
    `MOST`; the next one that passes tells how many did not."""

    EVERY_S: Final = 60.0
    MOST: Final = 20
    # What is remembered is bounded, whatever is logged.
    _REMEMBERED: Final = 2_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        # Since when, how many passed, how many did not.
        self._seen: OrderedDict[tuple[object, ...], list[float]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        kind = record.name, record.levelno, str(record.msg), record.exc_info[0] if record.exc_info else None
        with self._lock:
            same = self._admit((*kind, record.getMessage()), 1)
            alike = None if same is None else self._admit(kind, self.MOST)
        if same is None or alike is None:
            return False
        if same + alike:
            record.left_out = same + alike
        return True

    def _admit(self, key: tuple[object, ...], most: int) -> int | None:
        """None to leave it out; else how many were left out before it."""
        now = self._clock()
        entry = self._seen.get(key)
        if entry is None or now - entry[0] >= self.EVERY_S:
            self._seen[key] = [now, 1, 0]
            self._seen.move_to_end(key)
            if len(self._seen) > self._REMEMBERED:
                self._seen.popitem(last=False)
            return 0 if entry is None else int(entry[2])
        if entry[1] < most:
            entry[1] += 1
            return 0
        entry[2] += 1
        return None


class WithoutSockets(logging.Filter):
    """For uvicorn's logger: drops its lines about single sockets."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_OF_SOCKETS)


def logging_settings(*, form: str, level: str) -> dict[str, Any]:
    """The setting LOGGING. `form` is text or json."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"()": "klineproject.logs.TextFormatter"},
            "json": {"()": "klineproject.logs.JsonFormatter"},
        },
        "filters": {
            "without sockets": {"()": "klineproject.logs.WithoutSockets"},
            "repeats": {"()": "klineproject.logs.Repeats"},
            "broker away": {"()": "klineproject.logs.BrokerAwayInOneLine"},
        },
        "handlers": {
            "nowhere": {"class": "logging.NullHandler"},
            "console": {"class": "logging.StreamHandler", "formatter": form, "filters": ["repeats"]},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Whoever names a host that is not ours is told so. In the log each would be a page, as long as he likes.
            "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
            # As for whoever sends too much. That he was refused is a line of django.request.
            "django.security.RequestDataTooBig": {"handlers": ["nowhere"], "propagate": False},
            # At DEBUG it quotes handshakes with all their headers.
            "uvicorn.error": {
                "level": "INFO" if level == "DEBUG" else level,
                "filters": ["without sockets"],
            },
            # A line for each request or scheduled task would bury everything else, and httpx prints proxy addresses.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING", "filters": ["broker away"]},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: the settings' LOGGING, Python's warnings, and what nobody has caught."""
    logging.config.dictConfig(config)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda thread: _uncaught(thread.exc_type, thread.exc_value, thread.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        sys.__excepthook__(kind, error or kind(), traceback)
        return
    logging.getLogger("klineproject").critical(
        "nobody has caught %s: %s", kind.__name__, error, exc_info=(kind, error, traceback)
    )


class BrokerAwayInOneLine(logging.Filter):
    """For beat's logger: that a task could not be sent while the broker is away is a line, without two stack traces.
    The schedule sends it again."""

    def filter(self, record: logging.LogRecord) -> bool:
        from kombu.exceptions import OperationalError as BrokerAway  # noqa: PLC0415  (a web server does without)

        error = record.exc_info[1] if record.exc_info else None
        if error is not None and any(isinstance(each, BrokerAway) for each in _behind(error)):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = "%s", (error,)
            record.exc_info = None
        return True


def _behind(error: BaseException) -> Iterator[BaseException]:
    """What led to the error, itself first."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__
