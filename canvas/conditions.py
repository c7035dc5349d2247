"""If-Match and If-None-Match: under which condition a request is to be carried out (RFC 9110, section 13.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from canvas.errors import Stale

# Also without quotes, as a client may build it from a list's `version`; and weak, as a compressing proxy makes it.
_TAG: Final = re.compile(r'(?:W/)?"?([0-9]{1,9})"?', re.ASCII)


@dataclass(frozen=True)
class Condition:
    """`versions`: one of these has to be stored (None: no matter which). `there`: whether one has to be stored at all,
    or must not be (None: no matter)."""

    versions: frozenset[int] | None = None
    there: bool | None = None

    def check(self, current: int | None) -> None:
        """Raises Stale unless the stored version (None where there is none) is one that was asked for."""
        wrong_version = self.versions is not None and current not in self.versions
        wrong_presence = self.there is not None and self.there is not (current is not None)
        if wrong_version or wrong_presence:
            raise Stale(current)


ANYTHING: Final = Condition()


def condition_of(*, if_match: str | None, if_none_match: str | None) -> Condition:
    """The condition for a change. A tag that was never one of ours matches nothing."""
    versions, there = None, None
    if if_match is not None:
        there, versions = (True, None) if if_match.strip() == "*" else (None, _versions(if_match))
    elif if_none_match is not None and if_none_match.strip() == "*":
        there = False
    return Condition(versions, there)


def is_known(version: int, if_none_match: str | None) -> bool:
    """Whether a reader has this version already and can be told 304."""
    return if_none_match is not None and (if_none_match.strip() == "*" or version in _versions(if_none_match))


def tag_of(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def _versions(header: str) -> frozenset[int]:
    found = (_TAG.fullmatch(part.strip()) for part in header.split(","))
    return frozenset(int(match[1]) for match in found if match is not None)
