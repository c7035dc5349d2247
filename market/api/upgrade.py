"""What plain HTTP finds at the push socket's address."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from market.api.errors import refusal

_TEXT: Final = "a WebSocket is served here: open it with ws:// or wss://"


# Nothing is written here, whatever the method: it is told so, and not asked for a token.
@csrf_exempt
def not_a_socket(request: HttpRequest) -> HttpResponse:
    """426, in the form of the REST API."""
    answer = refusal(request, 426, _TEXT)
    answer["Upgrade"] = "websocket"
    answer["Connection"] = "Upgrade"
    return answer
