"""What can go wrong with a saved document, each with a text for whoever asked.

CanvasError
├── Invalid        a name, a field or a body is not what it has to be
├── NotFound       there is no such document, or no such version of it
├── Stale          somebody else has saved it meanwhile (or it is not, or already, there)
├── LimitReached   the owner has as much as one owner may have
└── StorageAway    the files cannot be read or written at the moment

Invalid, NotFound, Stale and LimitReached have changed nothing. After StorageAway, too, the old version is whole.
"""

from __future__ import annotations


class CanvasError(Exception):
    """Base of all of them."""


class Invalid(CanvasError):
    """`field` is what has to be sent differently."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field


class NotFound(CanvasError):
    """The text says of what kind."""


class Stale(CanvasError):
    """`current` is the version that is stored, or None where there is none."""

    def __init__(self, current: int | None) -> None:
        stored = "it is not stored" if current is None else f"stored is version {current}"
        super().__init__(f"the version that was asked for is not the one that is stored ({stored}): load it again")
        self.current = current


class LimitReached(CanvasError):
    """The text names the limit and what to do."""


class StorageAway(CanvasError):
    """The cause is in the log; it names paths and is not for clients."""

    def __init__(self) -> None:
        super().__init__("the files of the drawings cannot be reached; try again in a moment")
