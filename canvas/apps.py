from __future__ import annotations

from django.apps import AppConfig


class CanvasConfig(AppConfig):
    """What users draw and save: canvases, and the layouts and templates of TradingView's charts."""

    name = "canvas"
    default_auto_field = "django.db.models.BigAutoField"
