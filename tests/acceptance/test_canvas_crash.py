"""The server is killed again and again while drawings are saved: each is an old version or a new one, and whole."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import psycopg
import pytest

from klineproject.local.instance import Instance
from tests.support.eventually import eventually
from tests.support.served import served
from tests.support.web_server import PROJECT, migrate

pytestmark = pytest.mark.timeout(600)

SAVES: Final = 1_000
CANVASES: Final = 8
MAX_KEPT: Final = 20


@dataclass
class Drawer:
    """Saves one canvas over and over, and remembers what it was told."""

    name: str
    seed: int
    sent: int = 0
    acknowledged: int = 0
    versions: dict[int, int] = field(default_factory=dict)

    def content(self, number: int) -> str:
        """Says of itself which save it is and whether it is whole; from a few bytes to a few hundred thousand."""
        dice = random.Random(self.seed * 100_000 + number)
        filling = dice.randbytes(dice.choice([10, 1_000, 30_000, 150_000])).hex()
        return json.dumps({"of": self.name, "number": number, "filling": filling, "sum": digest(filling)})

    def save_until_it_dies(self, url: str, count: int) -> int:
        """How many of so many saves were sent."""
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            for done in range(count):
                number = self.sent = self.sent + 1
                body = f'{{"symbol": "BTCUSDT", "name": "{self.name}", "data": {self.content(number)}}}'
                try:
                    reply = client.post("/canvas/save", content=body, headers={"content-type": "application/json"})
                except httpx.TransportError:
                    return done + 1
                assert reply.status_code == 200, reply.text
                self.acknowledged = number
                self.versions[number] = reply.json()["version"]
        return count

    def assert_whole(self, url: str) -> None:
        """What is stored is what was acknowledged last, or what was on its way when the server died."""
        reply = httpx.get(f"{url}/canvas/load", params={"symbol": "BTCUSDT", "name": self.name}, trust_env=False)
        if reply.status_code == 404:
            assert self.acknowledged == 0
            return
        assert reply.status_code == 200, reply.text
        number = reply.json()["number"]
        assert number in {self.acknowledged, self.sent}
        assert reply.text == self.content(number)
        version = int(reply.headers["etag"].strip('"'))
        if number in self.versions:
            assert version == self.versions[number]
        # A save that the server did not live to confirm is found, and counts from now on.
        self.acknowledged, self.versions[number] = number, version


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings of a product of its own."""
    folder = tmp_path_factory.mktemp("canvas-crash")
    instance = Instance("canvas-crash", folder, environ={})
    with instance.running() as services:
        environ = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "CANVAS_DIR": str(folder / "drawings"),
        }
        migrate(environ)
        yield environ


def test_a_server_killed_during_a_thousand_saves_leaves_every_canvas_whole(
    environ: dict[str, str], tmp_path: Path
) -> None:
    dice = random.Random(20240601)
    drawers = [Drawer(f"canvas {number}", number) for number in range(CANVASES)]
    left, kills = SAVES, 0
    while left > 0:
        with served(tmp_path, environ) as server, ThreadPoolExecutor(CANVASES) as pool:
            for drawer in drawers:
                drawer.assert_whole(server.url)
            share = -(-left // CANVASES)
            before = sum(drawer.sent for drawer in drawers)
            # In the first saves of a life as well as late in it, at no point of a save in particular.
            enough = before + dice.randint(5, 160)
            saving = [pool.submit(drawer.save_until_it_dies, server.url, share) for drawer in drawers]
            eventually(partial(killable, drawers, enough, saving), within=120, every=0.001)
            if not all(future.done() for future in saving):
                kills += 1
            server.process.kill()
            left -= sum(future.result() for future in saving)
    assert kills >= 4, "the saves were over before anything could be killed"
    assert sum(drawer.sent for drawer in drawers) >= SAVES

    with served(tmp_path, environ) as server:
        for drawer in drawers:
            drawer.assert_whole(server.url)
            assert drawer.acknowledged > 0
    assert_every_version_is_whole(environ, drawers)


def killable(drawers: list[Drawer], enough: int, saving: list[Future[int]]) -> bool:
    return sum(drawer.sent for drawer in drawers) >= enough or all(future.done() for future in saving)


def assert_every_version_is_whole(environ: dict[str, str], drawers: list[Drawer]) -> None:
    """Also the earlier ones, and nothing is left beside them once the sweep has been."""
    folder = Path(environ["CANVAS_DIR"])
    with psycopg.connect(environ["DATABASE_URL"]) as link:
        rows = link.execute(
            "SELECT d.name, v.number, v.file, v.bytes FROM canvas_version v "
            "JOIN canvas_document d ON d.id = v.document_id"
        ).fetchall()
        held = link.execute("SELECT bytes FROM canvas_shelf").fetchall()
    assert held == [(sum(size for _, _, _, size in rows),)]
    for drawer in drawers:
        numbers = sorted(number for name, number, _, _ in rows if name == drawer.name)
        newest = drawer.versions[drawer.acknowledged]
        assert numbers == list(range(max(1, newest - MAX_KEPT + 1), newest + 1))
    by_name = {drawer.name: drawer for drawer in drawers}
    for name, version, file, size in rows:
        content = (folder / file).read_text()
        assert len(content) == size
        assert content == by_name[name].content(json.loads(content)["number"])
        assert by_name[name].versions[json.loads(content)["number"]] == version
    age_all_files(folder)
    command = [sys.executable, "manage.py", "sweep_canvases"]
    subprocess.run(command, cwd=PROJECT, env={**os.environ, **environ}, check=True, timeout=60, stdout=subprocess.PIPE)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.json")} == {file for _, _, file, _ in rows}


def age_all_files(folder: Path) -> None:
    """As if all of it had happened two hours ago."""
    for path in folder.rglob("*.json"):
        then = path.stat().st_mtime - 7_200
        os.utime(path, (then, then))
