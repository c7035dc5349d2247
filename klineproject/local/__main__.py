"""python -m klineproject.local: the services of this checkout on a machine without Docker.

    up NAME        start the instance NAME (run, demo, test, ...) and wait until it is ready
    down [NAME]    stop it, or all of them; the data stays
    env NAME       print DATABASE_URL= and REDIS_URL= of an instance that has been up
    status         one line per instance and service
    clean          stop all of them and remove .local/: all data and unpacked programs

Exit code 0, or 1 with a message on stderr.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from klineproject.local.errors import LocalError
from klineproject.local.instance import Instance, instances
from klineproject.local.places import LOCAL, remove_root


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command line and return the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        _carry_out(parsed.command, getattr(parsed, "name", None))
    except LocalError as error:
        print(f"klineproject.local: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m klineproject.local",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in ("up", "env"):
        commands.add_parser(command).add_argument("name", metavar="NAME")
    commands.add_parser("down").add_argument("name", metavar="NAME", nargs="?")
    commands.add_parser("status")
    commands.add_parser("clean")
    return parser


def _carry_out(command: str, name: str | None) -> None:
    if command == "up" and name:
        Instance(name, environ=_environ(name), say=_say).up()
    elif command == "env" and name:
        services = Instance(name, environ=_environ(name)).services()
        print(f"DATABASE_URL={services.database_url}\nREDIS_URL={services.redis_url}")
    elif command == "down":
        for instance in [Instance(name)] if name else instances():
            instance.down()
            _say(f"{instance.name}: stopped")
    elif command == "status":
        _print_status()
    elif command == "clean":
        for instance in instances():
            instance.destroy()
        remove_root(LOCAL)
        _say(f"removed {LOCAL}")


def _environ(name: str) -> Mapping[str, str]:
    """Where a service may be given: the environment and, for the real thing, .env. What a demo or a test writes must
    not end up in the database that .env names."""
    if name != "run":
        return os.environ
    from dotenv import dotenv_values  # noqa: PLC0415  (`down` and `clean` run without the virtual environment)

    given = dotenv_values(LOCAL.parent / ".env")
    return {**{key: value for key, value in given.items() if value}, **os.environ}


def _print_status() -> None:
    known = instances()
    if not known:
        _say("no instance has been up in this checkout")
    for instance in known:
        for service, server in (("postgres", instance.postgres), ("redis", instance.redis)):
            state = "running" if server.is_running() else "stopped"
            _say(f"{instance.name:<12} {service:<9} {state:<8} {server.home}")


def _say(line: str) -> None:
    """Whoever does not listen any more (`up demo | head -1`) ends the words, not the work."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  (open until the end)


if __name__ == "__main__":
    sys.exit(main())
