"""Removal of files that no row refers to: what a crash between file and row, or after a row's end, has left."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.utils import timezone

from canvas import files
from canvas.models import Shelf, Version

# A file is older than its row by the length of a save. One that is older than this and has no row will never have one.
LONGEST_SAVE: Final = dt.timedelta(hours=1)


def orphans_remove(*, older_than: dt.timedelta = LONGEST_SAVE) -> int:
    """Remove orphans and return how many there were. Safe to run at any time, and more than once at a time.

    Only folders of shelves of this database are looked at: what another installation keeps beside them is its own.
    """
    removed = 0
    for shelf_id, folder in Shelf.objects.values_list("id", "folder"):
        # First the files, then the rows: a file that gets its row in between is seen.
        old = files.written_before(folder, timezone.now() - older_than)
        if not old:
            continue
        referenced = set(Version.objects.filter(document__shelf=shelf_id).values_list("file", flat=True))
        orphans = [name for name in old if name not in referenced]
        files.remove(orphans)
        removed += len(orphans)
    return removed
