"""What the views of this API and of TradingView's have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from canvas.api.bodies import MAX_BODY_BYTES
from canvas.api.errors import BodyTooLarge, LengthRequired
from canvas.errors import Invalid
from canvas.json_text import Member
from canvas.models import MAX_OWNER
from canvas.names import checked

NOBODY: Final = "default"
# Documents of accounts. An id stays when a user is renamed; nobody can claim such a name while access is open.
_ACCOUNT: Final = "user#"


class JSONOut(BaseRenderer):
    """JSON; of bytes it is known that they are JSON already."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            # An answer without a body, a 304: a single letter here would be read as part of the next answer.
            return b""
        return data if isinstance(data, bytes) else orjson.dumps(data)


class AlwaysJSON(BaseContentNegotiation):
    """There is one form of answer, whatever a client says that it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class CanvasView(APIView):
    """One form of answers, bodies that are not longer than a document."""

    # Without OPTIONS, which would tell what the OpenAPI document tells better.
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    renderer_classes = (JSONOut,)
    content_negotiation_class = AlwaysJSON
    # Drawings belong to their owner, so where requests have users, reading them needs one, too.
    reads_are_private = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        length = request.META.get("CONTENT_LENGTH")
        if "HTTP_TRANSFER_ENCODING" in request.META and not length:
            raise LengthRequired
        # Before any of it is read; the parsers look again at what really comes.
        if length and length.isdecimal() and int(length[:18]) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)


def owner_of(request: Request, stated: str | None = None) -> str:
    """Whose documents a request is about.

    While access is open everybody says who he is: in the header X-User-Id, or by what a protocol has for it (`stated`);
    who says nothing is "default". An authenticated user is "user#" and his id, whatever is said. Raises Invalid.
    """
    # None while nobody can log in (UNAUTHENTICATED_USER).
    user: AbstractBaseUser | AnonymousUser | None = request.user
    if user is not None and user.is_authenticated:
        return f"{_ACCOUNT}{user.pk}"
    header = request.META.get("HTTP_X_USER_ID")
    if header is not None:
        return _claimed("X-User-Id", _as_utf8(header))
    return NOBODY if stated is None else _claimed("user", stated)


def _claimed(field: str, name: str) -> str:
    if name.startswith(_ACCOUNT):
        raise Invalid(field, f"names that begin with {_ACCOUNT} are those of accounts, which have to log in")
    return checked(field, name, most=MAX_OWNER)


def _as_utf8(header: str) -> str:
    """A header's bytes are handed over as Latin-1; a client that sends more than ASCII means UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def member_of(request: Request, name: str) -> Member:
    """A member of the body; one of null where there is none."""
    data = request.data
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, Member) else Member(None, "")


def document_text(request: Request, name: str) -> bytes:
    """A document that was sent as a text; it comes back letter by letter. Raises Invalid."""
    value = member_of(request, name).value
    if not isinstance(value, str):
        raise Invalid(name, "is missing" if value is None else "a text is expected")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise Invalid(name, "half a surrogate pair is not a letter") from None
