"""What the files in docker/ say is what the product has."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from klineproject.environment import Environment
from klineproject.local.places import CHECKOUT

DOCKER = CHECKOUT / "docker"
OURS = ("migrate", "web", "worker", "beat", "collector", "exchange")


def _bytes(size: str) -> int:
    return int(size[:-1]) << {"m": 20, "g": 30}[size[-1]]


@pytest.fixture
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yml").read_text())
    return found


def test_each_setting_in_compose_is_one_of_the_product(compose: dict[str, Any]) -> None:
    settings = {name.upper() for name in Environment.model_fields}
    for name in OURS:
        given = set(compose["services"][name]["environment"])
        assert given, name
        assert given <= settings, name


def test_each_setting_of_the_product_can_be_given(compose: dict[str, Any]) -> None:
    fixed = set(re.findall(r"\b([A-Z_]+)=", (DOCKER / "Dockerfile").read_text())) | {"DEBUG"}
    settings = {name.upper() for name in Environment.model_fields} - fixed
    for name in OURS:
        assert settings <= set(compose["services"][name]["environment"]), name


def test_each_image_of_ours_is_built_by_whoever_runs_it(compose: dict[str, Any]) -> None:
    """Compose asks a registry for an image that its service does not build, be it of ours or not."""
    for name in OURS:
        assert compose["services"][name]["build"], name


def test_a_secret_from_the_environment_is_for_a_root_that_can_be_written(compose: dict[str, Any]) -> None:
    copied = {name for name, secret in compose["secrets"].items() if "environment" in secret}
    for name, service in compose["services"].items():
        if copied & set(service.get("secrets", ())):
            assert not service["read_only"], name


def test_what_is_on_tmpfs_fits_the_memory_of_its_process(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        if name != "migrate":
            size = re.search(r"size=(\w+)", service["tmpfs"][0])
            assert size, name
            limit = re.sub(r".*:-(\w+)\}", r"\1", service["deploy"]["resources"]["limits"]["memory"])
            assert _bytes(size[1]) < _bytes(limit), name


def test_the_demo_listens_to_this_machine_alone() -> None:
    ports = re.findall(r"^HTTPS?_PORT=(\S+)$", (DOCKER / "demo.env").read_text(), re.MULTILINE)
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_each_variable_of_the_example_and_the_demo_is_read(compose: dict[str, Any]) -> None:
    read = set(re.findall(r"\$\{([A-Z_]+)", (DOCKER / "compose.yml").read_text()))
    for file in ("env.example", "demo.env"):
        named = set(re.findall(r"^#? ?([A-Z_]+)=", (DOCKER / file).read_text(), re.MULTILINE))
        assert named, file
        assert named <= read, f"{file} names {named - read}"


def test_each_process_of_ours_is_hardened_and_limited(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        if name != "migrate":
            assert service["deploy"]["resources"]["limits"]["memory"], name
            assert service["restart"] == "unless-stopped", name


def test_workers_and_beat_are_started_as_the_procfile_starts_them(compose: dict[str, Any]) -> None:
    lines = dict(line.split(": ", 1) for line in (CHECKOUT / "Procfile").read_text().splitlines())
    for name in ("worker", "beat"):
        command = " ".join(compose["services"][name]["command"])
        assert command.startswith(lines[name].removeprefix(".venv/bin/")), name


def test_the_image_holds_every_app_and_nothing_else_of_the_checkout() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    apps = {folder.parent.name for folder in CHECKOUT.glob("*/__init__.py")} - {"tests"}
    assert copied == apps
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} >= copied
