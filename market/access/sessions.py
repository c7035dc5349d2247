"""Logins, in Django's table of sessions. The setting SESSION_ENGINE names this module."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """Django's, for keys that can be asked for: a cookie may have a NUL in it, which no text of PostgreSQL's has."""

    def _validate_session_key(self, key: Any) -> bool:
        # Declared by no stub: what it refuses counts as no key at all.
        return bool(super()._validate_session_key(key)) and "\0" not in key  # type: ignore[misc]
