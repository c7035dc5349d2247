"""Canvases in a folder, as the program that this one replaces kept them: USER/SYMBOL/NAME.json.

`names.json` at the top is ours: it says whose the files are whose path does not, and gives titles. A folder without it,
as that program left it, is read all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from canvas import selectors
from canvas.conditions import Condition
from canvas.errors import Invalid, LimitReached, NotFound, Stale
from canvas.json_text import is_json
from canvas.models import MAX_NAME, MAX_OWNER, Document, Kind
from canvas.names import checked, symbol_of
from canvas.paths import Paths
from canvas.selectors import Key
from canvas.services import MAX_CONTENT_BYTES, Description, document_save

_LIST: Final = "names.json"
_LEVELS: Final = 3


class UnusableFolder(Exception):
    """The text says why."""


@dataclass(frozen=True)
class Named:
    """What a file is."""

    user: str
    symbol: str
    name: str
    title: str


@dataclass
class Imported:
    """What came of an import."""

    stored: int = 0
    same: int = 0
    # Paths of files beside which something else is stored under the same name, newer perhaps.
    kept: list[str] = field(default_factory=list)
    # Paths and reasons.
    refused: list[tuple[str, str]] = field(default_factory=list)


def canvases_export(folder: Path) -> int:
    """Write the newest version of every canvas of every owner into a new or empty folder; returns how many.

    Raises UnusableFolder, StorageAway.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UnusableFolder(f"{folder} is there already: a new or an empty folder is expected")
    paths, listed, count = Paths(_LIST), [], 0
    canvases = Document.objects.filter(kind=Kind.CANVAS).select_related("shelf").order_by("shelf", "scope", "name")
    for canvas in canvases.iterator():
        key = Key(owner=canvas.shelf.owner, kind=Kind.CANVAS, scope=canvas.scope, name=canvas.name)
        try:
            document, content = selectors.document_content(key=key)
        except NotFound:
            # Deleted since it was listed.
            continue
        named = Named(key.owner, key.scope, key.name, document.title)
        path = paths.of(named.user, named.symbol, named.name)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if named != _named_by_path(str(path)):
            listed.append({"path": str(path), **named.__dict__})
        count += 1
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _LIST).write_bytes(orjson.dumps(listed, option=orjson.OPT_INDENT_2))
    return count


def canvases_import(folder: Path, *, overwrite: bool = False) -> Imported:
    """Store every file of the folder as a canvas. Doing it again changes nothing.

    Where a canvas of that name has another content, it is kept, or with `overwrite` becomes an earlier version.
    Raises UnusableFolder, StorageAway.
    """
    if not folder.is_dir():
        raise UnusableFolder(f"{folder} is not a folder")
    named, result = _read_list(folder), Imported()
    for path in sorted(_files(folder)):
        relative = path.relative_to(folder).as_posix()
        if relative == _LIST:
            continue
        try:
            _import_one(path, named.get(relative) or _named_by_path(relative), overwrite=overwrite, result=result)
        except Stale:
            result.kept.append(relative)
        except (Invalid, LimitReached) as error:
            result.refused.append((relative, str(error)))
        except OSError as error:
            result.refused.append((relative, error.strerror or str(error)))
    return result


def _import_one(path: Path, named: Named | None, *, overwrite: bool, result: Imported) -> None:
    if named is None:
        raise Invalid("path", "USER/SYMBOL/NAME.json is expected")
    key = Key(
        owner=checked("user", named.user, most=MAX_OWNER),
        kind=Kind.CANVAS,
        scope=symbol_of(named.symbol, most=MAX_NAME),
        name=checked("name", named.name, most=MAX_NAME),
    )
    title = checked("title", named.title, most=MAX_NAME)
    if path.stat().st_size > MAX_CONTENT_BYTES:
        raise Invalid("file", f"longer than {MAX_CONTENT_BYTES} bytes")
    content = path.read_bytes()
    if not is_json(content):
        raise Invalid("file", "not JSON")
    try:
        if selectors.document_content(key=key)[1] == content:
            result.same += 1
            return
    except NotFound:
        pass
    condition = Condition() if overwrite else Condition(there=False)
    document_save(key=key, content=content, description=Description(title=title), condition=condition)
    result.stored += 1


def _files(folder: Path) -> Iterator[Path]:
    """Every file below, without following links, which may lead anywhere."""
    for entry in folder.iterdir():
        if entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def _named_by_path(relative: str) -> Named | None:
    """What a path says by itself, or None if it is not of the known form."""
    parts = relative.removesuffix(".json").split("/")
    if len(parts) != _LEVELS or not relative.endswith(".json"):
        return None
    user, symbol, name = parts
    return Named(user, symbol, name, title=name)


def _read_list(folder: Path) -> dict[str, Named]:
    """By path. It is only looked up by the paths of files that are there; no path in it is opened."""
    path = folder / _LIST
    if path.is_symlink() or not path.is_file():
        return {}
    try:
        entries = orjson.loads(path.read_bytes())
        return {
            entry["path"]: Named(entry["user"], entry["symbol"], entry["name"], entry["title"]) for entry in entries
        }
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnusableFolder(f"{path} cannot be read: a list as export_canvases writes it is expected") from error
