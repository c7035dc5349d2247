"""What the rules of access look like in the OpenAPI document: they depend on the settings, so the document does."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import SAFE_METHODS

from market.access.authentication import OPEN


class Operation(AutoSchema):
    """Every operation of the document (a setting of the REST framework names it)."""

    def get_auth(self) -> list[dict[str, Any]]:
        """How a request may say who sends it; an empty way among them means that it need not."""
        if settings.ACCESS == OPEN:
            return []
        known = [way for way in super().get_auth() if way]
        is_read = self.method in SAFE_METHODS
        is_private = settings.READS_NEED_TOKEN or getattr(self.view, "reads_are_private", False)
        needs_none = not self.view.permission_classes or (is_read and not is_private)
        return [*known, {}] if needs_none else known


class Login(OpenApiAuthenticationExtension):
    """The cookie of a login."""

    target_class = "market.access.authentication.BySession"
    name = "login"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A login at /admin/login/. What writes needs the header X-CSRFToken beside it: see "
            "/api/session.",
        }
