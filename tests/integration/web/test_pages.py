"""The pages as they are served: their policy, their files, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from market.web.packages import FILES, PackageFinder

_STATIC: Final = Path(settings.BASE_DIR) / "market/web/static/web"
_ADDRESS: Final = re.compile(r"""(?:src|href)="([^"#]+)""")
_IMPORT: Final = re.compile(r"""^(?:import|export) [^;]*?from "([^"]+)";|^import "([^"]+)";""", re.MULTILINE)


@pytest.fixture
def page(client: Client) -> str:
    return client.get("/?symbol=BTCUSDT&interval=1h").content.decode()


def test_the_page_lets_only_this_server_run_anything_in_it(client: Client) -> None:
    answer = client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


def test_nothing_in_the_page_is_inline(page: str) -> None:
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
    assert all(body.strip() == "" for body in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL))


def test_every_file_that_the_page_names_is_ours_and_there(page: str) -> None:
    named = {address for address in _ADDRESS.findall(page) if address.startswith("/static/")}
    assert {"/static/klinecharts/klinecharts.min.js", "/static/web/app.js", "/static/web/theme.css"} <= named
    loaded = re.findall(r"""<(?:script|link)[^>]+(?:src|href)="([^"]+)""", page)
    assert set(loaded) <= named
    missing = [address for address in named if not finders.find(address.removeprefix("/static/"))]
    assert missing == []


def test_every_module_that_a_module_imports_is_there() -> None:
    imports = [
        (module, next(filter(None, found)))
        for module in _STATIC.glob("*.js")
        for found in _IMPORT.findall(module.read_text())
    ]
    assert len(imports) > 10
    assert [f"{module.name} imports {name}" for module, name in imports if not (module.parent / name).is_file()] == []


def test_every_module_of_the_chart_is_asked_for_at_once(page: str) -> None:
    """What a module imports would otherwise be asked for only when that module has come."""
    reached: set[str] = set()
    left = ["app.js"]
    while left:
        text = (_STATIC / left.pop()).read_text()
        found = {next(filter(None, names)).removeprefix("./") for names in _IMPORT.findall(text)}
        left += found - reached
        reached |= found
    preloaded = re.findall(r"""<link rel="modulepreload" href="/static/web/([^"]+)">""", page)
    assert sorted(preloaded) == sorted(reached)


def test_the_library_is_served_with_its_licence_and_notice(page: str) -> None:
    for name, word in {"LICENSE.txt": "Apache License", "NOTICE.txt": "KLineChart"}.items():
        assert f"/static/klinecharts/{name}" in page
        found = finders.find(f"klinecharts/{name}")
        assert found is not None
        assert word in Path(found).read_text()


def test_of_a_package_only_the_named_files_are_served() -> None:
    assert finders.find("klinecharts/klinecharts.js") is None
    assert finders.find("klinecharts/../klinecharts/package.json") is None
    assert all(finders.find(name) for name in FILES)


def test_where_the_packages_are_not_installed_nothing_is_found(tmp_path: Path, settings: object) -> None:
    settings.NODE_MODULES = tmp_path  # type: ignore[attr-defined]
    finder = PackageFinder()
    assert not finder.find("klinecharts/klinecharts.min.js")
    assert list(finder.list(None)) == []


def test_the_lock_file_names_no_host() -> None:
    text = (Path(settings.BASE_DIR) / "package-lock.json").read_text()
    assert "://" not in text
    wanted = json.loads((Path(settings.BASE_DIR) / "package.json").read_text())["dependencies"]
    packages = json.loads(text)["packages"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_the_pages_take_no_posts(client: Client) -> None:
    assert client.post("/").status_code == 405


def test_a_browser_that_looks_for_an_icon_finds_ours(client: Client) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 302
    assert finders.find(answer["Location"].removeprefix("/static/"))
