"""The product, served with settings of each kind, and people who have tokens or do not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import httpx
import pytest

from klineproject.local.instance import Instance
from tests.support.served import served
from tests.support.web_server import PROJECT, WebServer, migrate

SECRET_KEY: Final = "a key for tests that is as long as a key for real use has to be"
PASSWORD: Final = "correct horse battery staple"
# Users with their tokens, made by a process of the product as the tests share no database with it.
_PEOPLE: Final = f"""
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
for name in ("alice", "bob", "gone"):
    user = User.objects.create_superuser(name, password={PASSWORD!r})
    print(Token.objects.create(user=user).key)
User.objects.filter(username="gone").update(is_active=False)
"""

Serve = Callable[..., AbstractContextManager[WebServer]]


@pytest.fixture(scope="package")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Services of these tests' own, with the schema."""
    with Instance("access", root=tmp_path_factory.mktemp("services"), environ={}).running() as services:
        environ = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "CANVAS_DIR": str(tmp_path_factory.mktemp("drawings")),
            "CORS_ALLOWED_ORIGINS": "https://charts.example",
            "SECRET_KEY": SECRET_KEY,
            # The archive alone: no list of the exchange to check names against.
            "BINANCE_REST_URL": "",
        }
        migrate(environ)
        yield environ


@pytest.fixture(scope="package")
def tokens(base: dict[str, str]) -> dict[str, str]:
    """A token for each person's name; `gone` may not log in any more."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", _PEOPLE],
        cwd=PROJECT,
        env={**os.environ, **base},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return dict(zip(("alice", "bob", "gone"), done.stdout.split(), strict=True))


@pytest.fixture(scope="package")
def serve(base: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Serves with more settings: `with serve(ACCESS="token") as server`."""

    def start(**settings: str) -> AbstractContextManager[WebServer]:
        folder: Path = tmp_path_factory.mktemp("web")
        return served(folder, {**base, **settings})

    return start


@pytest.fixture(scope="package")
def open_server(serve: Serve) -> Iterator[WebServer]:
    with serve() as server:
        yield server


@pytest.fixture(scope="package")
def token_server(serve: Serve, tokens: dict[str, str]) -> Iterator[WebServer]:
    with serve(ACCESS="token", LOG_LEVEL="DEBUG") as server:
        yield server


@pytest.fixture(scope="package")
def closed_server(serve: Serve, tokens: dict[str, str]) -> Iterator[WebServer]:
    """Even reading needs a token."""
    with serve(ACCESS="token", READS_NEED_TOKEN="true", LOG_LEVEL="DEBUG", SOCKETS_PER_ADDRESS="3") as server:
        yield server


def client(server: WebServer, token: str | None = None, **headers: str) -> httpx.Client:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        fields["Authorization"] = f"Token {token}"
    return httpx.Client(base_url=server.url, headers=fields, timeout=30, trust_env=False)


def log_in(visitor: httpx.Client, name: str = "alice") -> None:
    """Log in at the admin, as a person does."""
    visitor.get("/admin/login/")
    form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": visitor.cookies["csrftoken"]}
    reply = visitor.post("/admin/login/?next=/api/session", data=form, headers={"Referer": str(visitor.base_url)})
    assert reply.status_code == 302, reply.text
