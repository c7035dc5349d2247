"""ETag, Cache-Control and 304 for answers whose bytes are made by us, the same in each protocol."""

from __future__ import annotations

import hashlib
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

# Answered by the client's own copy for so long.
KEPT: Final = "max-age=60"
# Kept, but asked for each time; the answer is 304 as long as nothing has changed.
REVALIDATE: Final = "no-cache"
# Not even kept: the next answer differs in any case.
NEVER: Final = "no-store"


def answer(
    request: HttpRequest, body: bytes, cache: str, *, content_type: str = "application/json"
) -> HttpResponseBase:
    """The body with its ETag, or 304 for a client that has it already. A `NEVER` has no tag.

    The tag is of the body's bytes, so it is the same from every process, and after a restart.
    """
    response = HttpResponse(body, content_type=content_type)
    if cache == NEVER:
        response["Cache-Control"] = NEVER
        return response
    etag = _etag(body)
    response["ETag"] = etag
    response["Cache-Control"] = cache
    conditional = get_conditional_response(request, etag=etag, response=response)
    return response if conditional is None else conditional


def headers_of(body: bytes, cache: str) -> list[tuple[bytes, bytes]]:
    """What `answer` and the framework say of a whole body, for whoever sends it by himself."""
    headers = [(b"cache-control", cache.encode()), (b"content-length", str(len(body)).encode())]
    if cache != NEVER:
        headers.append((b"etag", _etag(body).encode()))
    return headers


def _etag(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
