"""The REST framework's rules (who asks, whether he may, how often), for views that do without the rest of it."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.views import APIView


def admit(request: HttpRequest) -> None:
    """Apply what the setting REST_FRAMEWORK names. Raises an APIException: 401 (with `auth_header`), 403 or 429."""
    rules = APIView()
    asked = rules.initialize_request(request)
    try:
        rules.perform_authentication(asked)
        rules.check_permissions(asked)
        rules.check_throttles(asked)
    except (AuthenticationFailed, NotAuthenticated) as refusal:
        # As the framework's own views do; no attribute of it is declared.
        refusal.auth_header = rules.get_authenticate_header(asked)  # type: ignore[union-attr]
        raise
