"""Where the services of a checkout are kept, and as whom they run.

    <checkout>/.local/            0755, ignored by git
        NAME/                     one instance: services.env (0600), postgres/, redis/
        _packages/                programs unpacked from Debian packages, shared by the instances
        _locks/                   one flock file per instance and one for _packages

PostgreSQL refuses to run as root. Root's servers therefore run as an existing unprivileged user,
who may be unable to enter the checkout (a home folder of mode 0700). Data and programs then live
in a folder outside it, named after the checkout: see working_folder().
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from klineproject.local.errors import LocalError

CHECKOUT = Path(__file__).resolve().parents[2]
LOCAL = CHECKOUT / ".local"

# Under sockaddr_un.sun_path's 108 bytes with room for the name of PostgreSQL's socket and its lock.
SOCKET_PATH_LIMIT = 100
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class Account:
    """An existing unprivileged user of this machine."""

    name: str
    uid: int
    gid: int


def checked_name(name: str) -> str:
    """Return an instance's name, or raise LocalError if it is not one."""
    if not _NAME.fullmatch(name):
        raise LocalError(f"{name!r} is not an instance name: expected 1 to 40 of a-z 0-9 and -, not - first")
    return name


def server_account() -> Account | None:
    """Return the user that root's servers run as; None when the caller is not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise LocalError(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` "
        "to run it as: create one of them, or run this as an ordinary user"
    )


def working_folder(root: Path, account: Account | None) -> Path:
    """Return the folder for data and programs of `root`: itself, or one that `account` can enter.

    The one outside is below the temporary folder when `root` is (a test's folder) and below
    /var/lib otherwise, because real data must outlive the clean-up of temporary folders.
    """
    make_folder(root, mode=0o755)
    folder = _outside(root)
    # Once outside, always outside: a checkout that is opened later must not lose its data.
    if account is None or (not folder.exists() and _can_enter(root, account)):
        return root
    make_folder(folder, mode=0o711)
    _expect_own(folder, os.geteuid())
    return folder


def remove_root(root: Path) -> None:
    """Remove `root` and the folder outside that belongs to it, if there are any."""
    for folder in (_outside(root), root):
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)


def remove_outside_if_empty(root: Path) -> None:
    """Remove the folder outside that belongs to `root` when nothing is left in it."""
    with contextlib.suppress(OSError):
        _outside(root).rmdir()


def make_folder(folder: Path, *, mode: int, owner: Account | None = None) -> Path:
    """Create a folder with exactly this mode and owner, whatever the umask; parents are 0755.

    It appears under its name complete: another process never sees it with a wrong mode.
    """
    if folder.is_dir():
        return folder
    make_folder(folder.parent, mode=0o755)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    draft.chmod(mode)
    if owner is not None:
        os.chown(draft, owner.uid, owner.gid)
    try:
        draft.rename(folder)
    except OSError:
        draft.rmdir()
        # Another process was faster; anything else in this place is an error.
        if not folder.is_dir():
            raise
    return folder


def socket_folder(home: Path) -> Path:
    """Return the place for a unix socket: in `home` if the path is short enough.

    Otherwise in /tmp under a name derived from `home`, so that it is the same at every start.
    """
    folder = home / "socket"
    if len(os.fsencode(folder)) + len("/.s.PGSQL.5432.lock") > SOCKET_PATH_LIMIT:
        # Not the temporary folder of the environment, which may be long too. Its owner is checked before use.
        folder = Path("/tmp") / f"klineproject-{_digest(home)}"  # noqa: S108
    return folder


def make_socket_folder(home: Path, account: Account | None) -> Path:
    """Create the place for a unix socket with mode 0700 and return it.

    Only the servers' user (and root) can pass it: that is what keeps other users out.
    """
    folder = socket_folder(home)
    make_folder(folder, mode=0o700, owner=account)
    _expect_own(folder, os.geteuid() if account is None else account.uid)
    folder.chmod(0o700)
    return folder


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive flock on `file`; waits for whoever has it."""
    make_folder(file.parent, mode=0o755)
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # `clean` removes lock files: a lock on a file that is no longer there excludes nobody.
            if _same_file(descriptor, file):
                yield
                return
        finally:
            os.close(descriptor)
        make_folder(file.parent, mode=0o755)


def write_private(file: Path, text: str, owner: Account | None = None) -> None:
    """Replace a file's content in one step; only its owner can read it."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        if owner is not None:
            os.fchown(descriptor, owner.uid, owner.gid)
    draft.replace(file)


def _outside(root: Path) -> Path:
    temporary = Path(tempfile.gettempdir()).resolve()
    below = temporary if root.resolve().is_relative_to(temporary) else Path("/var/lib")
    return below / f"klineproject-{_digest(root)}"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:12]


def _can_enter(folder: Path, account: Account) -> bool:
    # Asked of the kernel as that user: mode bits alone do not know of ACLs and mounts.
    test = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return test.returncode == 0


def _expect_own(folder: Path, uid: int) -> None:
    # Names in /tmp can be guessed: a folder that another user made first must not be trusted.
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
        raise LocalError(
            f"{folder} belongs to user id {status.st_uid}, expected a folder of user id {uid}: remove it and try again"
        )


def _same_file(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
