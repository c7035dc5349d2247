"""Requests that are made from the document, good and bad ones, against a running product: each answer is one that the
document tells of.

Beside those at the edges of each schema, which are always sent (some 1,500), SCHEMA_CASES says how many are made up;
the default is what a run of all tests can afford. With SCHEMA_ACCESS=token each is sent by a known user, and then by
nobody.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.support.site import LISTED, LOADED, Site

CASES: Final = int(os.environ.get("SCHEMA_CASES", "150"))
# Where what belongs together cannot be said in a schema: one of two parameters is needed, one must not be before the
# other, a text has to be JSON; or the answer to a good request is a refusal that is told (a condition, a name
# that is not listed).
_RULES_BEYOND: Final = {
    "POST /api/symbols": "a name has no letters that cannot be seen, of any script",
    "GET /api/jobs": "likewise",
    "POST /api/jobs": "likewise",
    "GET /readyz": "names of checks",
    "GET /history": "from or countback",
    "GET /api/coverage/{symbol}": "from is before to",
    "GET /api/export/{symbol}": "from is before to",
    "GET /timescale_marks": "from is before to",
    "POST /1.1/study_templates": "the name is in the address or in the body",
    "POST /1.1/chart_templates": "the name is in the address or in the body",
    "POST /1.1/drawings": "the state may be JSON as text",
}
# Names that are stored, among all those that could be.
_KNOWN: Final = {
    "symbol": [*LOADED, LOADED[0].lower(), LISTED[0], f"BINANCE:{LOADED[1]}", f"{LOADED[0]}#NV"],
    "symbols": [",".join(LOADED), LISTED[0]],
    "name": ["mine"],
    "chart": ["1", "2"],
}


def _document() -> Any:
    """The document, more strict in its answers (whatever it does not tell of must not be there), and with hints at
    what is stored."""
    document = copy.deepcopy(SchemaGenerator().get_schema(request=None, public=True))
    components = document["components"]["schemas"]
    seen: set[str] = set()
    for item in document["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                _close(response, components, seen)
            for parameter in operation.get("parameters", []):
                if parameter["name"] in _KNOWN and parameter["in"] in {"path", "query"}:
                    parameter["schema"] = {"anyOf": [{"enum": _KNOWN[parameter["name"]]}, parameter["schema"]]}
    return document


def _close(node: Any, components: dict[str, Any], seen: set[str]) -> None:
    """Nothing but what is told, in every object below."""
    if isinstance(node, list):
        for part in node:
            _close(part, components, seen)
    elif isinstance(node, dict):
        name = node.get("$ref", "").rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            _close(components[name], components, seen)
        if node.get("type") == "object" and "properties" in node:
            node.setdefault("additionalProperties", False)
        for part in node.values():
            _close(part, components, seen)


_DOCUMENT: Final = _document()
_OPERATIONS: Final = sum(len(item) for item in _DOCUMENT["paths"].values())
_CONFIG: Final = schemathesis.Config.from_dict(
    {
        "checks": {
            # A condition that is not met, a name that the exchange does not list.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "3xx", "401", "403", "404", "412", "422", "429"],
            },
            "negative_data_rejection": {"expected-statuses": ["400", "404", "405", "411", "412", "413", "415", "422"]},
        }
    }
)
schema: Final = schemathesis.openapi.from_dict(_DOCUMENT, config=_CONFIG)
_sent = 0


@pytest.fixture(scope="module", autouse=True)
def _all_are_counted() -> Iterator[None]:
    yield
    print(f"\n{_sent} requests to {_OPERATIONS} operations")


@schema.parametrize()
@settings(
    max_examples=max(2, CASES // _OPERATIONS),
    # A run of all tests always sends the same; a run that is told how much to send looks for something new.
    derandomize="SCHEMA_CASES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
def test_an_answer_is_one_that_the_document_tells_of(case: schemathesis.Case[Any], own_site: Site) -> None:
    global _sent  # noqa: PLW0603 (told at the end)
    _sent += 1
    operation = f"{case.method} {case.operation.path}"
    # While access is open nothing is needed that could be missing.
    excluded: list[Any] = [checks.ignored_auth, checks.missing_required_header]
    if operation == "GET /readyz":
        # No collector runs here, and that it may say.
        excluded.append(not_a_server_error)
    if operation in _RULES_BEYOND:
        excluded.append(checks.positive_data_acceptance)
    if not case.operation.path.startswith(("/api/", "/canvas/")):
        # TradingView's clients look at the body: what a user can meet, an unknown name among it, has status 200; and
        # what is empty, or not looked at beside another parameter, counts as absent.
        excluded.append(checks.negative_data_rejection)
    if own_site.headers and "X-User-Id" in (case.headers or {}):
        # Of a known user it is not looked at.
        excluded.append(checks.negative_data_rejection)
    case.call_and_validate(
        base_url=own_site.url, headers=own_site.headers or None, excluded_checks=excluded, timeout=30
    )
    if own_site.headers:
        # Nobody is told no more than that it has to be known who asks.
        excluded += [checks.positive_data_acceptance, checks.negative_data_rejection, checks.unsupported_method]
        case.call_and_validate(base_url=own_site.url, excluded_checks=excluded, timeout=30)
