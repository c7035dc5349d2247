"""The key that is kept where none was given."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from klineproject.secret_key import kept_key


def test_it_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "run" / "secret_key"
    assert kept_key(file) == kept_key(file)
    assert len(kept_key(file)) >= 50


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    kept_key(tmp_path / "secret_key")
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_processes_that_start_at_once_get_the_same_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(lambda _: kept_key(tmp_path / "secret_key"), range(64)))
    assert len(keys) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]


def test_where_nothing_can_be_kept_there_is_a_key_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert len(kept_key(tmp_path / "file" / "secret_key")) >= 50
