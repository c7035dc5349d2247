"""Names as parts of paths, for the folders that canvases are exported to; nothing else puts a name into a path.

A name that is safe as a file's name on every system stands for itself. Any other is replaced by a digest of it, and a
list beside the files says what it stands for.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import PurePosixPath
from typing import Final

# Room for a suffix within the 255 bytes that file systems allow.
_MAX_BYTES: Final = 200
_BESIDE_LETTERS: Final = frozenset(" _-+=@,()#&!'.")
_NOT_FIRST: Final = frozenset(" -.")
_NOT_LAST: Final = frozenset(" .")
_DIGEST: Final = "~"


def is_plain(name: str) -> bool:
    """Whether a name may stand for itself in a path."""
    return (
        0 < len(name.encode()) <= _MAX_BYTES
        and all(letter.isalnum() or letter in _BESIDE_LETTERS for letter in name)
        and name[0] not in _NOT_FIRST
        and name[-1] not in _NOT_LAST
        # Some file systems compose letters, or take them apart.
        and unicodedata.is_normalized("NFC", name)
    )


class Paths:
    """Gives each (user, symbol, name) a path of its own below one folder.

    `taken`: file names at the top of the folder that belong to others.
    """

    def __init__(self, *taken: str) -> None:
        # Some file systems do not tell upper case from lower: of two that differ in nothing else, one is replaced.
        self._standing = {(PurePosixPath(), name.casefold()): "" for name in taken}

    def of(self, user: str, symbol: str, name: str) -> PurePosixPath:
        """USER/SYMBOL/NAME.json, with digests in place of what cannot stand in a path."""
        folder = self._below(self._below(PurePosixPath(), user), symbol)
        return self._below(folder, name, ".json")

    def _below(self, parent: PurePosixPath, name: str, suffix: str = "") -> PurePosixPath:
        if is_plain(name) and self._standing.setdefault((parent, name.casefold()), name) == name:
            return parent / f"{name}{suffix}"
        return parent / f"{_DIGEST}{hashlib.sha256(name.encode()).hexdigest()[:32]}{suffix}"
