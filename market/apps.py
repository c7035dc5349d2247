from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register


class MarketConfig(AppConfig):
    """What we know: symbols, candles, their ledger."""

    name = "market"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from market.access.checks import TAG, access_is_safe
        from market.monitoring.shared import LEDGER, LIVE
        from market.monitoring.sources import add_source

        register(access_is_safe, TAG, deploy=True)
        add_source(LIVE)
        add_source(LEDGER)
