"""The web application, as an ASGI server loads it."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")

application = get_asgi_application()
