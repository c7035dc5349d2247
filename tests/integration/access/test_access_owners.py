"""Whose drawings a request is about, once requests have users."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.access.conftest import client
from tests.support.web_server import PROJECT, WebServer


def test_each_user_has_drawings_of_his_own(token_server: WebServer, tokens: dict[str, str]) -> None:
    body = {"symbol": "BTCUSDT", "name": "mine", "data": {"by": "alice"}}
    with client(token_server, tokens["alice"]) as alice, client(token_server, tokens["bob"]) as bob:
        assert alice.post("/canvas/save", json=body).status_code == 200
        assert alice.get("/canvas/load?symbol=BTCUSDT&name=mine").json() == {"by": "alice"}
        assert bob.get("/canvas/load?symbol=BTCUSDT&name=mine").status_code == 404


def test_no_header_makes_one_user_another(token_server: WebServer, tokens: dict[str, str]) -> None:
    body: dict[str, Any] = {"symbol": "BTCUSDT", "name": "secret", "data": {}}
    with client(token_server, tokens["alice"]) as alice:
        alice.post("/canvas/save", json=body, headers={"X-User-Id": "bob"})
        assert alice.get("/canvas/load?symbol=BTCUSDT&name=secret").status_code == 200
    for claimed in ("alice", "user#1", "bob", "default"):
        with client(token_server, tokens["bob"], x_user_id=claimed) as bob:
            assert bob.get("/canvas/load?symbol=BTCUSDT&name=secret").status_code == 404


def test_no_parameter_makes_one_user_another(token_server: WebServer, tokens: dict[str, str]) -> None:
    form = {"name": "layout", "content": "{}", "symbol": "BTCUSDT", "resolution": "1D"}
    with client(token_server, tokens["alice"]) as alice, client(token_server, tokens["bob"]) as bob:
        alice.post("/1.1/charts?client=own&user=alice", data=form)
        assert len(alice.get("/1.1/charts?client=own&user=bob").json()["data"]) == 1
        assert bob.get("/1.1/charts?client=own&user=alice").json()["data"] == []


def test_drawings_of_the_open_time_are_nobodys_account(
    open_server: WebServer, token_server: WebServer, tokens: dict[str, str]
) -> None:
    body: dict[str, Any] = {"symbol": "ETHUSDT", "name": "open", "data": {}}
    with client(open_server, x_user_id="alice") as visitor:
        assert visitor.post("/canvas/save", json=body).status_code == 200
    with client(open_server, x_user_id="user#1") as visitor:
        assert visitor.post("/canvas/save", json=body).status_code == 400
    with client(token_server, tokens["alice"]) as alice:
        assert alice.get("/canvas/list?symbol=ETHUSDT").json()["canvases"] == []


def test_drawings_of_the_open_time_are_taken_over_by_renaming_their_folder(
    open_server: WebServer,
    token_server: WebServer,
    tokens: dict[str, str],
    base: dict[str, str],
    tmp_path: Path,
) -> None:
    def manage(command: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", command, str(tmp_path)],
            cwd=PROJECT,
            env={**os.environ, **base},
            check=True,
            capture_output=True,
            timeout=60,
        )

    body: dict[str, Any] = {"symbol": "XRPUSDT", "name": "old", "data": {"by": "nobody"}}
    with client(open_server, x_user_id="before") as visitor:
        assert visitor.post("/canvas/save", json=body).status_code == 200
    manage("export_canvases")
    (tmp_path / "user#1").mkdir(exist_ok=True)
    (tmp_path / "before" / "XRPUSDT").rename(tmp_path / "user#1" / "XRPUSDT")
    manage("import_canvases")
    with client(token_server, tokens["alice"]) as alice:
        assert alice.get("/canvas/load?symbol=XRPUSDT&name=old").json() == {"by": "nobody"}
