"""Reading bodies: JSON, and forms as browsers send them. Each becomes a dict of members."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any, Final
from urllib.parse import parse_qsl

from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.parsers import BaseParser

from canvas.api.errors import BodyTooLarge
from canvas.errors import Invalid
from canvas.json_text import Member, NotAnObject, members

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
_MAX_FIELDS: Final = 100


class _BodyParser(BaseParser, ABC):
    """Reads no more than is allowed."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Member]:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)
        return self.members(body, {} if parser_context is None else parser_context)

    @abstractmethod
    def members(self, body: bytes, context: Mapping[str, Any]) -> dict[str, Member]:
        """The members of a body. Raises ParseError."""


class JSONBody(_BodyParser):
    """An object, whose members keep their texts."""

    media_type = "application/json"

    def members(self, body: bytes, context: Mapping[str, Any]) -> dict[str, Member]:
        try:
            return members(body)
        except NotAnObject as error:
            raise Invalid("body", str(error)) from None


class URLEncodedBody(_BodyParser):
    """`a=1&b=2`, of which the bytes have to be UTF-8: a letter that is replaced would be a letter lost."""

    media_type = "application/x-www-form-urlencoded"

    def members(self, body: bytes, context: Mapping[str, Any]) -> dict[str, Member]:
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
        except ValueError as error:
            raise Invalid("body", f"not a form: {_reason(error)}") from None
        return {name: Member(value, value) for name, value in pairs}


class MultipartBody(_BodyParser):
    """A form as FormData sends it; files in it are not read."""

    media_type = "multipart/form-data"

    def members(self, body: bytes, context: Mapping[str, Any]) -> dict[str, Member]:
        try:
            body.decode()
            meta = {**context["request"].META, "CONTENT_LENGTH": len(body)}
            form, _ = MultiPartParser(meta, BytesIO(body), [], "utf-8").parse()
        except (ValueError, MultiPartParserError) as error:
            raise Invalid("body", f"not a form: {_reason(error)}") from None
        fields = {name: str(form[name]) for name in form}
        return {name: Member(value, value) for name, value in fields.items()}


def _reason(error: Exception) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeError) else str(error)
