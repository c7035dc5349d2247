"""What a process does at its start with settings that would let in whom nobody wants."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.integration.access.conftest import SECRET_KEY
from tests.support.web_server import PROJECT

PYTHON: Final = sys.executable
CELERY: Final = [str(Path(PYTHON).with_name("celery")), "-A", "klineproject.celery"]
SERVERS: Final = {
    "serve": [PYTHON, "manage.py", "serve", "--port", "0"],
    "uvicorn": [PYTHON, "-m", "uvicorn", "klineproject.asgi:application", "--port", "0"],
    "worker": [*CELERY, "worker", "--pool", "solo"],
    "beat": [*CELERY, "beat"],
    "collector": [PYTHON, "manage.py", "run_collector"],
}
# As an operator deploys it.
PRODUCTION: Final = {
    "HOST": "0.0.0.0",  # noqa: S104
    "ACCESS": "token",
    "SECRET_KEY": SECRET_KEY,
    "PUBLIC_URL": "https://candles.example",
    "TRUSTED_PROXIES": "1",
}
# Neither is ever reached: a server that is refused has not looked for them.
NOWHERE: Final = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}


def run(command: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
    # A secret of the machine that runs the tests would be one too many.
    own = {name: value for name, value in os.environ.items() if name not in {"SECRET_KEY", "ACCESS"}}
    return subprocess.run(
        command,
        cwd=PROJECT,
        env={**own, **NOWHERE, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("server", SERVERS)
def test_no_server_starts_open_to_everybody_without_a_word(server: str) -> None:
    done = run(SERVERS[server], HOST="0.0.0.0", SECRET_KEY=SECRET_KEY)  # noqa: S104
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "ACCESS=open" in said
    assert "HOST=0.0.0.0" in said
    assert "ANYONE_MAY_WRITE=true" in said
    assert "Traceback" not in said
    assert SECRET_KEY not in said


def test_djangos_own_look_at_a_deployment_finds_nothing() -> None:
    done = run([PYTHON, "-W", "error", "manage.py", "check", "--deploy", "--fail-level", "WARNING"], **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_an_address_on_the_command_line_is_no_way_around() -> None:
    done = run([*SERVERS["serve"], "--host", "0.0.0.0"])  # noqa: S104
    assert done.returncode != 0
    assert "set HOST=0.0.0.0" in done.stderr


def test_schemas_are_made_whatever_the_settings_say(base: dict[str, str]) -> None:
    """An operator prepares a database before he has thought of keys."""
    unsafe = {"HOST": "0.0.0.0", "SECRET_KEY": ""}  # noqa: S104
    done = run([PYTHON, "manage.py", "migrate", "--verbosity", "0"], **{**base, **unsafe})
    assert done.returncode == 0, done.stderr
