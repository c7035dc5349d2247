from __future__ import annotations

from django.apps import AppConfig


class MarketConfig(AppConfig):
    """What we know: symbols, candles, their ledger."""

    name = "market"
    default_auto_field = "django.db.models.BigAutoField"
