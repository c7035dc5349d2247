"""Pages. What they show comes over the same addresses that every other client uses."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponseBase
from django.templatetags.static import static
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView, TemplateView

# Everything from this server, nothing inline: a text of somebody else's (a canvas, a name) that ended up in a page as
# markup would still not run. Screenshots are made as data and blob addresses.
_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
CONTENT_SECURITY_POLICY: Final = "; ".join(f"{what} {where}" for what, where in _POLICY.items())


# Nothing is written here: a POST is told so, and not asked for a token.
@method_decorator(csrf_exempt, name="dispatch")
class PageView(TemplateView):
    """A page of this application: with its security policy, and asked for anew each time (it is small)."""

    http_method_names = ("get", "head", "options")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = super().dispatch(request, *args, **kwargs)
        answer["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        answer["Cache-Control"] = "no-cache"
        return answer


class ChartView(PageView):
    """The chart. Which symbol and which timeframe is in the address: `?symbol=BTCUSDT&interval=1h`."""

    template_name = "web/chart.html"


class DataView(PageView):
    """What is stored of a symbol, as a calendar: `?symbol=BTCUSDT`."""

    template_name = "web/data.html"


class IconView(RedirectView):
    """The icon, for pages that name none: the admin's, and a browser that asks for the address of old."""

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        return static("web/icon.svg")
