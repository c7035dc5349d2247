"""Names become paths that stay below the folder, each its own."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvas.paths import Paths, is_plain

NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=128) | st.sampled_from(
    ["..", ".", "/", "a/../b", "a", "A", "é", "e\u0301", "~a", "names.json", "con", "a.", "\\", "a:b"]
)


@given(keys=st.sets(st.tuples(NAMES, NAMES, NAMES), max_size=8))
def test_paths_stay_below_and_differ_even_without_regard_to_case(keys: set[tuple[str, str, str]]) -> None:
    paths = Paths("names.json")
    made = [paths.of(*key) for key in sorted(keys)]
    for path in made:
        assert not path.is_absolute()
        assert len(path.parts) == 3
        assert not {"..", ".", ""} & set(path.parts)
        assert all("\\" not in part and ":" not in part and len(part.encode()) <= 255 for part in path.parts)
        assert path.parts[0] != "names.json"
    assert len({str(path).casefold() for path in made}) == len(made)


@pytest.mark.parametrize("name", ["default", "BTCUSDT", "My layout 2", "名前", "a.b-c_d (1)"])
def test_an_ordinary_name_stands_for_itself(name: str) -> None:
    assert Paths().of("user", "BTCUSDT", name) == PurePosixPath("user", "BTCUSDT", f"{name}.json")


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "-rf", "x" * 201, "🕯️", "a\\b", "~digest", "tail ", ""])
def test_others_do_not(name: str) -> None:
    assert not is_plain(name)
