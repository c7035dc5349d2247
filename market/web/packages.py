"""Static files out of npm packages: those that a page loads, and the words that their licences want to be kept.

The packages lie in `node_modules` (settings.NODE_MODULES), where `npm ci` puts them after `package-lock.json`. Of each
only the files named here are served; the rest of a package (sources, maps, other builds) is nobody's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

# The name below /static/ and the file in node_modules.
FILES: Final[Mapping[str, str]] = {
    "klinecharts/klinecharts.min.js": "klinecharts/dist/umd/klinecharts.min.js",
    "klinecharts/LICENSE.txt": "klinecharts/LICENSE",
    "klinecharts/NOTICE.txt": "klinecharts/NOTICE",
    "klinecharts/LICENSE-lightweight-charts.txt": "klinecharts/licenses/LICENSE-lightweight-charts",
}


class PackageStorage(FileSystemStorage):
    """Names below /static/ as the files that stand for them."""

    def path(self, name: str) -> str:
        return super().path(FILES.get(str(PurePosixPath(name)), name))


class PackageFinder(BaseFinder):
    """Finds what `FILES` names; nothing where the packages are not installed."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        self._storage = PackageStorage(location=Path(settings.NODE_MODULES))

    def find(self, path: str, find_all: bool = False, **_options: Any) -> Any:
        """The file (a list of files with `find_all`) behind a name; an empty list where there is none."""
        if path not in FILES or not self._storage.exists(path):
            return []
        found = self._storage.path(path)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        """Each name with the storage that knows its file."""
        return [(name, self._storage) for name in FILES if self._storage.exists(name)]
