"""The key that signs logins where the operator has given none: made once, and kept beside the private services."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path


def kept_key(file: Path) -> str:
    """The key in `file`, which nobody but this account can read; made now if there is none.

    Several processes that start at once get the same one. Where nothing can be kept, or what is kept is another
    account's, it is a key for this process alone: what it signs is worth nothing to another one, or after its end.
    """
    with suppress(OSError):
        return file.read_text(encoding="ascii")
    key = secrets.token_urlsafe(50)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Made with mode 0600.
        descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError:
        return key
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(key)
        # Whole under its name or not there at all; whoever comes second takes what the first one made.
        os.link(draft, file)
    except FileExistsError:
        with suppress(OSError):
            return file.read_text(encoding="ascii")
    finally:
        Path(draft).unlink()
    return key
