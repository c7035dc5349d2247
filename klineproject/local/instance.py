"""An instance: one private PostgreSQL and one private Redis under one name.

with Instance("crash", root=tmp_path, environ={}).running() as services:
    ...                                  # services.database_url, services.redis_url

instance = Instance("test")              # of this checkout: .local/test
services = instance.up()                 # idempotent; heals what a crash left behind
instance.postgres.kill()                 # SIGKILL, the postmaster and all its processes
instance.postgres.start()                # recovers, on the same address
instance.redis.kill(); instance.redis.start()
instance.down()                          # stops, keeps the data
instance.destroy()                       # stops, removes the data
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from klineproject.local.errors import LocalError
from klineproject.local.places import (
    LOCAL,
    checked_name,
    locked,
    make_folder,
    remove_outside_if_empty,
    server_account,
    working_folder,
    write_private,
)
from klineproject.local.postgres_server import PostgresServer
from klineproject.local.redis_server import RedisServer
from klineproject.local.toolbox import Toolbox

# Instances whose Redis keeps nothing, and those whose names continue theirs with a hyphen (`test-gw1`): each of their
# runs starts from an empty queue anyway.
FORGETFUL = frozenset({"test", "bench"})


@dataclass(frozen=True)
class Services:
    """Where the services of an instance are."""

    database_url: str
    redis_url: str


def quiet(line: str) -> None:
    """Say nothing."""


class Instance:
    """The services called `name`, kept in root/NAME.

    root        the folder of the instances: .local of this checkout unless told otherwise; a test
                gives a temporary folder
    environ     where DATABASE_URL and REDIS_URL are looked up; a service given there is not
                started. {} for an instance that must be private whatever the environment says
    persistent  whether Redis keeps its data over a restart; by default all but FORGETFUL do
    toolbox     finds the programs; by default they are unpacked once per checkout, not per root
    say         gets the lines for the user, one per service
    """

    def __init__(
        self,
        name: str,
        root: Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        persistent: bool | None = None,
        toolbox: Toolbox | None = None,
        say: Callable[[str], None] = quiet,
    ) -> None:
        self.name = checked_name(name)
        self.root = (LOCAL if root is None else root).absolute()
        self.environ = os.environ if environ is None else environ
        self._say = say
        account = server_account()
        home = working_folder(self.root, account) / name
        tools = Toolbox(account=account, say=say) if toolbox is None else toolbox
        self.postgres = PostgresServer(home / "postgres", account, tools.postgres)
        self.redis = RedisServer(
            home / "redis",
            account,
            tools.redis,
            persistent=name.partition("-")[0] not in FORGETFUL if persistent is None else persistent,
        )
        self._home = home

    @property
    def folder(self) -> Path:
        """Where services.env is."""
        return self.root / self.name

    @property
    def services_file(self) -> Path:
        """The file that tells the settings where the services are: DATABASE_URL=, REDIS_URL=."""
        return self.folder / "services.env"

    def up(self) -> Services:
        """Start what is not running, wait until it is ready, write services.env.

        Safe to call again, and from several processes at once. A service whose URL is in the
        environment is left alone, and services.env does not name it.
        """
        with self._locked():
            lines = []
            for variable, server in (("DATABASE_URL", self.postgres), ("REDIS_URL", self.redis)):
                if self.environ.get(variable):
                    self._say(f"{self.name}: {variable} is set in the environment: nothing to start")
                    continue
                was_running = server.is_running()
                server.start()
                state = "already running" if was_running else "started"
                self._say(f"{self.name}: {state}: {server.describe()}")
                lines.append(f"{variable}={server.url}\n")
            make_folder(self.folder, mode=0o755)
            write_private(self.services_file, "".join(lines))
        return self.services()

    def services(self) -> Services:
        """Return the addresses without starting anything; LocalError before the first up()."""
        if not self.services_file.exists():
            raise LocalError(f"instance {self.name} has never been up: `python -m klineproject.local up {self.name}`")
        return Services(
            database_url=self.environ.get("DATABASE_URL") or self.postgres.url,
            redis_url=self.environ.get("REDIS_URL") or self.redis.url,
        )

    def down(self) -> None:
        """Stop both services; their data stays."""
        with self._locked():
            self._stop()

    def destroy(self) -> None:
        """Stop both services and remove their data."""
        with self._locked():
            self._stop()
            for folder in {self.postgres.sockets, self._home, self.folder}:
                if folder.is_dir():
                    shutil.rmtree(folder)
        remove_outside_if_empty(self.root)

    @contextmanager
    def running(self) -> Iterator[Services]:
        """Be up inside the block, gone after it."""
        try:
            yield self.up()
        finally:
            self.destroy()

    def _stop(self) -> None:
        self.redis.stop()
        self.postgres.stop()

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self.root / "_locks" / f"{self.name}.lock")


def instances(root: Path | None = None, *, say: Callable[[str], None] = quiet) -> list[Instance]:
    """Return the instances of `root` that have data or have been up, by name."""
    root = LOCAL if root is None else root
    home = working_folder(root, server_account())
    signs = [*root.glob("*/services.env"), *home.glob("*/postgres"), *home.glob("*/redis")]
    names = sorted({sign.parent.name for sign in signs})
    return [Instance(name, root, say=say) for name in names]
