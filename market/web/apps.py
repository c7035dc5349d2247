"""The pages that people look at."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "market.web"
    label = "web"
    verbose_name = "Pages"
