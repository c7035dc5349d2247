"""Which Debian mirror the machine's apt sources name."""

from pathlib import Path

import pytest

from klineproject.local.apt_sources import Mirror, debian_mirrors, sources_file

DEBIAN_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


def write_sources(etc_apt: Path, **files: str) -> Path:
    """Lay out an /etc/apt: name__list becomes sources.list.d/name.list, main becomes sources.list."""
    (etc_apt / "sources.list.d").mkdir(parents=True)
    for name, text in files.items():
        place = "sources.list" if name == "main" else f"sources.list.d/{name.replace('__', '.')}"
        (etc_apt / place).write_text(text)
    return etc_apt


def test_a_one_line_source_gives_its_address_and_key_ring(tmp_path: Path) -> None:
    etc = write_sources(
        tmp_path / "apt",
        main=f"deb [arch=amd64 signed-by={DEBIAN_KEYS}] http://mirror.example/debian bookworm main contrib # near\n",
    )
    assert debian_mirrors(etc) == [Mirror("http://mirror.example/debian", DEBIAN_KEYS)]


def test_a_deb822_source_gives_its_address_and_key_ring(tmp_path: Path) -> None:
    etc = write_sources(
        tmp_path / "apt",
        debian__sources=(
            "# main archive\nTypes: deb deb-src\nURIs: http://mirror.example/debian/\n"
            f"Suites: trixie trixie-updates\nComponents: main\nSigned-By: {DEBIAN_KEYS}\n"
        ),
    )
    assert debian_mirrors(etc) == [Mirror("http://mirror.example/debian/", DEBIAN_KEYS)]


def test_a_key_written_into_the_source_is_kept_whole(tmp_path: Path) -> None:
    key = " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBGQ\n -----END PGP PUBLIC KEY BLOCK-----"
    source = f"Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\nSigned-By:\n{key}\n"
    etc = write_sources(tmp_path / "apt", debian__sources=source)
    (mirror,) = debian_mirrors(etc)
    assert key in sources_file(mirror, "trixie")


@pytest.mark.parametrize(
    "line",
    [
        "deb http://mirror.example/debian-security bookworm-security main",
        "deb http://vendor.example/linux/debian bookworm stable",
        "deb http://vendor.example/apt bookworm main",
        "deb http://mirror.example/debian bookworm-backports main",
        "deb http://mirror.example/ubuntu noble main",
        "deb cdrom:[Debian 12]/debian bookworm main",
        "deb-src http://mirror.example/debian bookworm main",
        "# deb http://mirror.example/debian bookworm main",
    ],
)
def test_what_is_not_debians_own_archive_is_left_out(tmp_path: Path, line: str) -> None:
    assert debian_mirrors(write_sources(tmp_path / "apt", main=line + "\n")) == []


def test_a_disabled_source_is_left_out(tmp_path: Path) -> None:
    source = "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\nEnabled: no\n"
    assert debian_mirrors(write_sources(tmp_path / "apt", debian__sources=source)) == []


def test_the_mirror_list_of_cloud_images_is_debians(tmp_path: Path) -> None:
    uri = "mirror+file:///etc/apt/mirrors/debian.list"
    source = f"Types: deb\nURIs: {uri}\nSuites: bookworm\nComponents: main\n"
    assert debian_mirrors(write_sources(tmp_path / "apt", debian__sources=source)) == [Mirror(uri)]


def test_a_mirror_with_debians_key_ring_is_asked_first(tmp_path: Path) -> None:
    etc = write_sources(
        tmp_path / "apt",
        aaa__list="deb [signed-by=/usr/share/keyrings/vendor.gpg] http://vendor.example/tool/debian bookworm main\n",
        debian__list=f"deb [signed-by={DEBIAN_KEYS}] http://mirror.example/debian bookworm main\n",
    )
    assert [mirror.uri for mirror in debian_mirrors(etc)] == [
        "http://mirror.example/debian",
        "http://vendor.example/tool/debian",
    ]


def test_a_machine_without_apt_has_no_mirror(tmp_path: Path) -> None:
    assert debian_mirrors(tmp_path / "nothing") == []
