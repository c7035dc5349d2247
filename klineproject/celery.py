"""The Celery application: `celery -A klineproject.celery worker`."""

from __future__ import annotations

import os
import warnings

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")

# Said at each start in several lines. Its reason, messages that run code when they are read, does not exist here: only
# JSON is read.
warnings.filterwarnings("ignore", message=r"\s*You're running the worker with superuser privileges")

app = Celery("klineproject")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Requests are served by threads; without this, those would talk to a broker that nobody has set up.
app.set_default()


@signals.worker_init.connect
@signals.beat_init.connect
def _refuse_unsafe_start(**_: object) -> None:
    from market.access.checks import refuse_unsafe_start  # noqa: PLC0415  (needs the settings, which import this)

    refuse_unsafe_start()


@signals.setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """With a receiver here, Celery leaves logging as the settings have set it up."""
