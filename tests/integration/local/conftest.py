"""Instances of services in a folder of the test's own, gone after it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from klineproject.local.instance import Instance


@pytest.fixture
def make_instance(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Make instances under tmp_path/local that ignore the environment; destroy them afterwards."""
    made: list[Instance] = []

    def make(name: str = "crash", **options: object) -> Instance:
        instance = Instance(name, **{"root": tmp_path / "local", "environ": {}, **options})  # type: ignore[arg-type]
        made.append(instance)
        return instance

    yield make
    for instance in made:
        instance.destroy()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One instance that is up, for tests that only look at it."""
    instance = Instance("look", tmp_path_factory.mktemp("shared"), environ={})
    with instance.running():
        yield instance


@pytest.fixture
def instance(make_instance: Callable[..., Instance]) -> Instance:
    """One throw-away instance, not yet up."""
    return make_instance()
