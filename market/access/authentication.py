"""Who sends a request, while ACCESS=token: the owner of a token, or whoever has logged in at the page or the admin.

While ACCESS=open nobody is asked, and nobody is anybody: request.user stays None.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.request import Request

from market.access.counters import LOGINS, limiter, visitor_of

OPEN: Final = "open"
TOKEN: Final = "token"  # noqa: S105  (a word of the setting ACCESS)


def user_of(request: Request) -> AbstractBaseUser | None:
    """Who sends it; None where that is not known (UNAUTHENTICATED_USER)."""
    user: AbstractBaseUser | AnonymousUser | None = request.user
    return user if isinstance(user, AbstractBaseUser) else None


class ByToken(TokenAuthentication):
    """`Authorization: Token KEY`, of the table that the admin and `manage.py drf_create_token` fill.

    Tokens that do not count are refused with 401, and LOGINS_PER_MINUTE of them from one address with 429.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        if settings.ACCESS != TOKEN:
            return None
        try:
            return super().authenticate(request)
        except AuthenticationFailed:
            # Who has a token that counts is never stopped here, whoever else shares his address.
            wait = limiter(LOGINS).ask(f"token of {visitor_of(request)}")
            if wait:
                raise Throttled(wait) from None
            raise

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        # No text of PostgreSQL's has a NUL.
        if "\0" in key:
            raise AuthenticationFailed("this token is not known")
        return super().authenticate_credentials(key)


class BySession(SessionAuthentication):
    """The cookie of a login. What writes has to prove that it comes from a page of ours: X-CSRFToken."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, None] | None:
        # Without the cookie there is nothing to look up, and no cache has to tell answers by it.
        if settings.ACCESS != TOKEN or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        found: tuple[AbstractBaseUser, None] | None = super().authenticate(request)
        return found

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as refusal:
            raise PermissionDenied(
                f"{refusal.detail} A page that writes with its login sends the value of the cookie "
                f"{settings.CSRF_COOKIE_NAME} (GET /api/session sets it) as the header X-CSRFToken."
            ) from None
