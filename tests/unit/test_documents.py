"""What the documents name is there, and what there is, they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls.resolvers import RoutePattern

from klineproject.environment import Environment
from klineproject.local.places import CHECKOUT
from market.api.urls import urlpatterns

DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])
DECISIONS = sorted((CHECKOUT / "docs/adr").glob("[0-9]*.md"))
COMMANDS = sorted(CHECKOUT.glob("*/management/commands/[!_]*.py"))
SETTINGS = {name.upper() for name in Environment.model_fields}
README = (CHECKOUT / "README.md").read_text()

_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name_of(document: Path) -> str:
    return str(document.relative_to(CHECKOUT))


def anchors(document: Path) -> set[str]:
    """The names that a page of the document gives its headings."""
    headings = _HEADING.findall(_CODE.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table_of_settings() -> list[str]:
    """The names in the first column of the README's table, in its order."""
    table = README.partition("\n## Settings\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)]


def test_each_setting_has_its_place_in_the_readme() -> None:
    named = table_of_settings()
    assert sorted(named) == sorted(SETTINGS)


def test_each_setting_is_in_the_example_of_a_file() -> None:
    example = (CHECKOUT / ".env.example").read_text()
    named = re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE)
    assert sorted(named) == sorted(SETTINGS)


@pytest.mark.parametrize("command", [path.stem for path in COMMANDS])
def test_each_command_is_in_the_readme(command: str) -> None:
    table = README.partition("\n| command | does |\n")[2].partition("\n\n")[0]
    assert re.search(rf"`(?:manage\.py )?{command}\b", table)


def test_each_address_of_the_api_is_in_the_readme() -> None:
    routes = [str(address.pattern) for address in urlpatterns if isinstance(address.pattern, RoutePattern)]
    assert len(routes) > 8
    for route in routes:
        assert f"`/api/{route.replace('<str:symbol>', '{symbol}')}" in README, route


def test_links_are_found() -> None:
    assert {"docs/api.md", "CONTRIBUTING.md"} <= {target for target, _ in _LINK.findall(README)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_link_leads_to_a_file_and_to_a_heading_of_it(document: Path) -> None:
    for target, anchor in _LINK.findall(_CODE.sub("", document.read_text())):
        if target.startswith(("https://", "http://")):
            continue
        file = document.parent / target if target else document
        assert file.is_file(), f"{target} is no file"
        assert not anchor or anchor in anchors(file), f"{target} has no heading #{anchor}"


def test_each_decision_has_a_number_of_its_own_and_a_line_in_the_list() -> None:
    assert len(DECISIONS) > 10
    lines = []
    for path in DECISIONS:
        heading = re.fullmatch(r"# (\d+)\. (.+)", path.read_text().splitlines()[0])
        assert heading, path.name
        assert path.name.startswith(f"{int(heading[1]):04}-")
        lines.append(f"| [{path.name[:4]}]({path.name}) | {heading[2]} |")
    assert len({path.name[:4] for path in DECISIONS}) == len(DECISIONS)
    rows = (CHECKOUT / "docs/adr/README.md").read_text().splitlines()
    assert [row for row in rows if row.startswith("| [")] == lines
