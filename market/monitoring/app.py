"""/healthz, /readyz and /metrics as an ASGI application.

Served by the event loop and not by a view: the few threads that serve views may all be waiting for a database that
hangs, and that is when these addresses have to answer. So they also do without Django's ALLOWED_HOSTS: a probe asks
for an address, not for a name.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from django.conf import settings
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from market.monitoring.checks import Readiness
from market.monitoring.process import collect
from market.monitoring.sources import SharedFigures, text_of

PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, dict[str, str], bytes]


class Monitoring:
    """Answers requests for PATHS."""

    def __init__(self, readiness: Readiness | None = None) -> None:
        self._readiness = readiness or Readiness()
        self._shared = SharedFigures()
        self._began = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, headers, body = await self._answer(scope)
        lines = {"cache-control": "no-store", "content-length": str(len(body)), **headers}
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
            }
        )
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope) -> Answer:
        if scope["method"] not in {"GET", "HEAD"}:
            return _json(405, {"error": "GET and HEAD are answered here"}, {"allow": "GET, HEAD"})
        match scope["path"]:
            case "/healthz":
                return _json(200, {"status": "alive", "uptime_s": round(time.monotonic() - self._began)})
            case "/readyz":
                return await self._ready(scope)
            case _:
                return await self._metrics(scope)

    async def _ready(self, scope: Scope) -> Answer:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        exclude = {name for value in query.get("exclude", ()) for name in value.split(",")}
        unknown = exclude - set(self._readiness.names)
        if unknown:
            known = ", ".join(self._readiness.names)
            return _json(400, {"error": f"exclude: one or more of {known} are expected"})
        findings = await self._readiness.findings(exclude=exclude)
        is_ready = all(finding.is_ok for finding in findings)
        body = {"status": "ready" if is_ready else "not ready", "checks": [asdict(finding) for finding in findings]}
        return _json(200 if is_ready else 503, body, {} if is_ready else {"retry-after": "2"})

    async def _metrics(self, scope: Scope) -> Answer:
        problem = _refusal(dict(scope["headers"]).get(b"authorization", b""))
        if problem is not None:
            return problem
        text = text_of(collect()) + await self._shared.text()
        return 200, {"content-type": CONTENT_TYPE_PLAIN_0_0_4}, text


def _refusal(authorization: bytes) -> Answer | None:
    """None for whoever may read the metrics.

    The word is a setting and not an account: the metrics must be readable while the database, where accounts are, is
    away.
    """
    token = str(settings.METRICS_TOKEN)
    if not token:
        if getattr(settings, "ACCESS", "open") == "open":
            return None
        return _json(403, {"error": "metrics are closed while ACCESS=token: set METRICS_TOKEN, and send it"})
    if hmac.compare_digest(authorization, b"Bearer " + token.encode()):
        return None
    return _json(
        401, {"error": "Authorization: Bearer, with METRICS_TOKEN, is expected"}, {"www-authenticate": "Bearer"}
    )


def _json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    return status, {"content-type": "application/json", **(headers or {})}, orjson.dumps(body)
