from __future__ import annotations

from django.apps import AppConfig

from market.signals import symbol_wish_changed


class FeedsConfig(AppConfig):
    """How candles get in: history and live."""

    name = "feeds"

    def ready(self) -> None:
        from feeds.tasks import on_wish_changed

        symbol_wish_changed.connect(on_wish_changed, dispatch_uid="feeds.fill_history")
