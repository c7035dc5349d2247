from __future__ import annotations

from django.apps import AppConfig

from market.signals import collector_wish_changed, job_wished, symbol_wish_changed


class FeedsConfig(AppConfig):
    """How candles get in: history and live."""

    name = "feeds"

    def ready(self) -> None:
        from feeds.figures import REST, TASKS
        from feeds.live.nudges import nudge_collectors
        from feeds.tasks import on_job_wished, on_wish_changed
        from market.monitoring.sources import add_source

        symbol_wish_changed.connect(on_wish_changed, dispatch_uid="feeds.fill_history")
        symbol_wish_changed.connect(nudge_collectors, dispatch_uid="feeds.nudge_collectors")
        collector_wish_changed.connect(nudge_collectors, dispatch_uid="feeds.nudge_collectors")
        job_wished.connect(on_job_wished, dispatch_uid="feeds.run_job")
        add_source(REST)
        add_source(TASKS)
