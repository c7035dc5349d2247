from __future__ import annotations

from django.apps import AppConfig


class FeedsConfig(AppConfig):
    """How candles get in: history and live."""

    name = "feeds"
