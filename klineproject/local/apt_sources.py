"""Reading the machine's apt sources: which Debian mirror does this machine use?

Both formats of sources.list(5) are read: one-line (*.list) and deb822 (*.sources).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Releases and aliases of Debian itself; -security, -updates and -backports live beside them.
_DEBIAN_SUITES = frozenset(
    {"buster", "bullseye", "bookworm", "trixie", "forky", "sid"}
    | {"oldoldstable", "oldstable", "stable", "testing", "unstable"}
)
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.+)")
_MIRROR_LIST = re.compile(r"mirror\+.*/debian\.list")


@dataclass(frozen=True)
class Mirror:
    """A mirror of Debian: its base address and the key ring it is checked against.

    signed_by is the raw value: paths or fingerprints, or a whole key, whose further lines begin
    with a space as deb822 wants them. Empty: apt's default key rings.
    """

    uri: str
    signed_by: str = ""


def debian_mirrors(etc_apt: Path = Path("/etc/apt")) -> list[Mirror]:
    """Return the machine's Debian mirrors, the likeliest first; [] when there are none.

    Repositories of other makers, Debian's security archive, source entries, disabled entries and
    CD-ROMs are left out.
    """
    parts = etc_apt / "sources.list.d"
    files = [
        etc_apt / "sources.list",
        *sorted(parts.glob("*.list")),
        *sorted(parts.glob("*.sources")),
    ]
    mirrors: dict[Mirror, None] = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        read = _deb822 if file.suffix == ".sources" else _one_line
        mirrors.update(dict.fromkeys(read(text)))
    # A vendor's repository in a folder called debian brings its own key: Debian's keys go first.
    return sorted(mirrors, key=lambda mirror: "debian-archive" not in mirror.signed_by)


def sources_file(mirror: Mirror, suite: str) -> str:
    """Return a deb822 source for `suite` from this mirror, with the same signature check."""
    lines = ["Types: deb", f"URIs: {mirror.uri}", f"Suites: {suite}", "Components: main"]
    if mirror.signed_by:
        lines.append(f"Signed-By: {mirror.signed_by}")
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> Iterator[Mirror]:
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.split("#", 1)[0].strip())
        if not match or not _is_debian(match["uri"], [match["suite"]], match["rest"].split()):
            continue
        options = re.search(r"signed-by=(\S+)", match["options"] or "")
        # Several key rings: commas in this format, blanks in the other.
        yield Mirror(match["uri"], options.group(1).replace(",", " ") if options else "")


def _deb822(text: str) -> Iterator[Mirror]:
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in (
            "no",
            "false",
            "0",
            "off",
            "disable",
            "without",
        ):
            continue
        suites, components = fields.get("suites", "").split(), fields.get("components", "").split()
        for uri in fields.get("uris", "").split():
            if _is_debian(uri, suites, components):
                yield Mirror(uri, fields.get("signed-by", ""))


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t") and name:
            fields[name] += "\n" + line
        elif ":" in line:
            raw, value = line.split(":", 1)
            name = raw.strip().lower()
            fields[name] = value.strip()
    return fields


def _is_debian(uri: str, suites: Iterable[str], components: Iterable[str]) -> bool:
    scheme, _, rest = uri.partition(":")
    if scheme == "cdrom" or "main" not in components or _DEBIAN_SUITES.isdisjoint(suites):
        return False
    # .../debian, a dated snapshot below it, or the mirror list that cloud images use.
    return "debian" in rest.split("/") or bool(_MIRROR_LIST.fullmatch(uri))
