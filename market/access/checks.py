"""Settings that each can be read and that together would let in whom nobody wants: a server does not start with them.

As Django's system checks with the tag `access`, for `manage.py check --deploy`. Whatever serves or works for long asks
`refuse_unsafe_start`; a command that prepares something, such as migrate, runs with any settings.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, run_checks

from market.access.authentication import OPEN, TOKEN

TAG: Final = "access"
_MAKE_KEY: Final = "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
# As Django's own check --deploy has it.
_SHORTEST_KEY: Final = 50


def access_is_safe(**_: Any) -> list[CheckMessage]:
    """One error for each unsafe mix of settings."""
    where = _where()
    needs_key = settings.IS_PUBLIC or settings.ACCESS == TOKEN
    reason = where if settings.IS_PUBLIC else "ACCESS=token"
    key_is_short = settings.SECRET_KEY_IS_GIVEN and len(settings.SECRET_KEY) < _SHORTEST_KEY
    problems = (
        (
            settings.IS_PUBLIC and settings.ACCESS == OPEN and not settings.ANYONE_MAY_WRITE,
            f"ACCESS=open would let everybody write who reaches this server: {where}.",
            "Set ACCESS=token; or ANYONE_MAY_WRITE=true, if a proxy asks who they are or the network is private.",
        ),
        (
            settings.IS_PUBLIC and settings.DEBUG,
            f"DEBUG=true shows settings and source code to everybody who reaches this server: {where}.",
            "Remove DEBUG, or serve this machine alone: HOST=127.0.0.1, and no ALLOWED_HOSTS and no PUBLIC_URL.",
        ),
        (
            needs_key and not settings.SECRET_KEY_IS_GIVEN,
            f"SECRET_KEY is not set. It signs the logins, and every process has to have the same one ({reason}).",
            f"Set SECRET_KEY to what this prints: {_MAKE_KEY}",
        ),
        (
            needs_key and key_is_short,
            f"SECRET_KEY has fewer than {_SHORTEST_KEY} characters; it signs the logins ({reason}).",
            f"Set SECRET_KEY to what this prints: {_MAKE_KEY}",
        ),
        (
            settings.READS_NEED_TOKEN and settings.ACCESS == OPEN,
            "READS_NEED_TOKEN=true has no meaning while ACCESS=open: nobody is asked for a token.",
            "Set ACCESS=token, or remove READS_NEED_TOKEN.",
        ),
        (
            settings.PUBLIC_URL.startswith("https://") and not settings.TRUSTED_PROXIES,
            f"PUBLIC_URL={settings.PUBLIC_URL}: this server speaks no TLS, and does not know of a proxy that does.",
            "Set TRUSTED_PROXIES to how many stand in a row (1, mostly), with X-Forwarded-For and X-Forwarded-Proto.",
        ),
    )
    return [
        Error(text, hint=hint, id=f"{TAG}.E{number:03}")
        for number, (is_unsafe, text, hint) in enumerate(problems, start=1)
        if is_unsafe
    ]


def refuse_unsafe_start() -> None:
    """Ends this process where `access_is_safe` has something to say, and says it."""
    problems = run_checks(tags=[TAG], include_deployment_checks=True)
    if problems:
        lines = [f"{problem.msg}\n    {problem.hint}" for problem in problems]
        sys.exit("\n".join(["These settings are not safe together:", *lines]))


def _where() -> str:
    parts = [f"HOST={settings.HOST}", f"ALLOWED_HOSTS={','.join(settings.ALLOWED_HOSTS)}"]
    return ", ".join([*parts, f"PUBLIC_URL={settings.PUBLIC_URL}"] if settings.PUBLIC_URL else parts)
