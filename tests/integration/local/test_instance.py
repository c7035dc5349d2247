"""Real private instances: started, repeated, killed, healed, stopped."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis

from klineproject.local.errors import LocalError
from klineproject.local.instance import Instance, instances
from klineproject.local.places import CHECKOUT


def ask(url: str, query: str) -> object:
    """Return the first column of the first row."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return None if row is None else row[0]


def change(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def postmaster_pid(instance: Instance) -> int:
    return int((instance.postgres.data / "postmaster.pid").read_text().splitlines()[0])


def cache(url: str) -> "redis.Redis":
    return redis.Redis.from_url(url, decode_responses=True)


def test_a_fresh_instance_has_timescaledb_and_redis(instance: Instance) -> None:
    services = instance.up()
    change(services.database_url, "CREATE EXTENSION timescaledb")
    assert ask(services.database_url, "SELECT time_bucket('5 minutes', timestamptz 'epoch') = 'epoch'")
    with cache(services.redis_url) as client:
        assert client.ping()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("timezone", "UTC"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("jit", "off"),
        ("timescaledb.telemetry_level", "off"),
        ("listen_addresses", ""),
    ],
)
def test_the_settings_that_the_project_relies_on(shared: Instance, setting: str, value: str) -> None:
    assert ask(shared.up().database_url, f"SHOW {setting}") == value


def test_up_on_a_running_instance_changes_nothing(shared: Instance) -> None:
    first = shared.up()
    started = ask(first.database_url, "SELECT pg_postmaster_start_time()")
    assert shared.up() == first
    assert ask(first.database_url, "SELECT pg_postmaster_start_time()") == started


def test_the_same_up_many_times_at_once_gives_one_server(make_instance: Callable[..., Instance]) -> None:
    with ThreadPoolExecutor(4) as pool:
        services = set(pool.map(lambda _: make_instance().up(), range(4)))
    assert len(services) == 1


def test_two_checkouts_run_side_by_side(make_instance: Callable[..., Instance], tmp_path: Path) -> None:
    one = make_instance("run", root=tmp_path / "one").up()
    other = make_instance("run", root=tmp_path / "other").up()
    change(one.database_url, "CREATE TABLE mine (id int)")
    assert ask(other.database_url, "SELECT to_regclass('mine')") is None
    with cache(one.redis_url) as mine, cache(other.redis_url) as others:
        mine.set("mine", "1")
        assert others.get("mine") is None


def test_what_was_committed_is_there_after_postgresql_was_killed(instance: Instance) -> None:
    url = instance.up().database_url
    change(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
    instance.postgres.kill()
    assert not instance.postgres.is_running()
    instance.postgres.start()
    assert instance.postgres.url == url
    assert ask(url, "SELECT count(*) FROM kept") == 1000


def test_killing_postgresql_ends_a_query_in_flight(instance: Instance) -> None:
    with psycopg.connect(instance.up().database_url) as connection:
        instance.postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_up_heals_a_postmaster_that_was_killed_alone(instance: Instance) -> None:
    services = instance.up()
    os.kill(postmaster_pid(instance), signal.SIGKILL)
    assert instance.up() == services
    assert ask(services.database_url, "SELECT 1") == 1


def test_up_heals_a_pid_file_whose_pid_now_belongs_to_another_program(instance: Instance) -> None:
    services = instance.up()
    instance.postgres.kill()
    pid_file = instance.postgres.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert instance.up() == services
    assert ask(services.database_url, "SELECT 1") == 1


def test_queued_work_outlives_a_killed_redis_of_a_persistent_instance(instance: Instance) -> None:
    url = instance.up().redis_url
    with cache(url) as client:
        client.rpush("queue", "work")
        # everysec: without this the last second may be lost, as it may be in earnest.
        client.config_set("appendfsync", "always")
        client.rpush("queue", "more work")
    instance.redis.kill()
    instance.redis.start()
    assert instance.redis.url == url
    with cache(url) as client:
        assert client.lrange("queue", 0, -1) == ["work", "more work"]


@pytest.mark.parametrize("name", ["test", "test-gw1"])
def test_a_redis_that_is_not_persistent_forgets(make_instance: Callable[..., Instance], name: str) -> None:
    instance = make_instance(name)
    with cache(instance.up().redis_url) as client:
        client.set("kept", "no")
    instance.down()
    with cache(instance.up().redis_url) as client:
        assert client.get("kept") is None


def test_redis_refuses_a_client_without_the_password(shared: Instance) -> None:
    address = shared.up().redis_url.rpartition("@")[2]
    with cache(f"redis://{address}") as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_redis_moves_to_another_port_when_a_stranger_took_its_own(instance: Instance) -> None:
    first = instance.up().redis_url
    instance.redis.kill()
    port = int(first.rpartition(":")[2].partition("/")[0])
    stranger = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with stranger:
        assert stranger.stdout
        stranger.stdout.readline()
        second = instance.up().redis_url
        stranger.kill()
    assert second != first
    assert f"REDIS_URL={second}\n" in instance.services_file.read_text()


def test_only_the_servers_user_can_enter_the_socket_folder(shared: Instance) -> None:
    shared.up()
    assert stat.S_IMODE(shared.postgres.sockets.stat().st_mode) == 0o700


def test_a_socket_path_too_long_for_the_kernel_is_moved(make_instance: Callable[..., Instance], tmp_path: Path) -> None:
    instance = make_instance(root=tmp_path / ("deep" * 25))
    assert ask(instance.up().database_url, "SELECT 1") == 1
    assert not instance.postgres.sockets.is_relative_to(tmp_path)


def test_a_folder_with_blanks_and_quotes_works(make_instance: Callable[..., Instance], tmp_path: Path) -> None:
    services = make_instance(root=tmp_path / 'it\'s a "check out"').up()
    assert ask(services.database_url, "SELECT 1") == 1
    with cache(services.redis_url) as client:
        assert client.ping()


def test_services_env_is_private_and_names_both_services(shared: Instance) -> None:
    services = shared.up()
    assert stat.S_IMODE(shared.services_file.stat().st_mode) == 0o600
    assert shared.services_file.read_text() == (
        f"DATABASE_URL={services.database_url}\nREDIS_URL={services.redis_url}\n"
    )


def test_a_service_given_in_the_environment_is_not_started_and_that_is_said(
    make_instance: Callable[..., Instance],
) -> None:
    said: list[str] = []
    given = {"DATABASE_URL": "postgresql://elsewhere/kline"}
    instance = make_instance(environ=given, say=said.append)
    services = instance.up()
    assert services.database_url == given["DATABASE_URL"]
    assert not instance.postgres.home.exists()
    assert instance.redis.is_running()
    assert any("DATABASE_URL is set in the environment" in line for line in said)
    assert "DATABASE_URL" not in instance.services_file.read_text()


def test_down_stops_and_keeps_the_data(instance: Instance) -> None:
    url = instance.up().database_url
    change(url, "CREATE TABLE kept (id int)")
    instance.down()
    assert not instance.postgres.is_running()
    assert not instance.redis.is_running()
    instance.up()
    assert ask(url, "SELECT to_regclass('kept')") == "kept"


def test_destroy_leaves_nothing_behind(instance: Instance) -> None:
    instance.up()
    places = [instance.postgres.home, instance.redis.home, instance.postgres.sockets, instance.folder]
    instance.destroy()
    assert not any(place.exists() for place in places)


def test_servers_whose_folder_was_deleted_under_them_are_ended_by_the_next_up(instance: Instance) -> None:
    instance.up()
    pids = [postmaster_pid(instance)]
    subprocess.run(["rm", "-rf", instance.postgres.home, instance.redis.home, instance.folder], check=True)
    services = instance.up()
    assert postmaster_pid(instance) not in pids
    assert not any(Path(f"/proc/{pid}/cwd").exists() for pid in pids)
    assert ask(services.database_url, "SELECT 1") == 1


def test_a_server_that_cannot_start_shows_the_end_of_its_log(instance: Instance) -> None:
    instance.up()
    instance.postgres.stop()
    (instance.postgres.data / "global" / "pg_control").unlink()
    with pytest.raises(LocalError, match=r"(?s)PostgreSQL did not start.*the end of .*postgres\.log.*pg_control"):
        instance.postgres.start()


def test_instances_are_listed_by_name(make_instance: Callable[..., Instance], tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgresql://elsewhere/kline", "REDIS_URL": "redis://elsewhere"}
    for name in ("two", "one"):
        make_instance(name, environ=given).up()
    assert [known.name for known in instances(tmp_path / "local")] == ["one", "two"]


@pytest.mark.parametrize("name", ["", "-x", "Run", "a/b", "..", "_packages", "x" * 41])
def test_a_name_that_is_not_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="is not an instance name"):
        Instance(name, tmp_path)


def test_the_command_line_ends_with_1_and_one_message() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "klineproject.local", "env", "never-up"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("klineproject.local: instance never-up has never been up")


def test_the_command_line_does_its_work_although_nobody_reads_its_words() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "klineproject.local", "status"],
            cwd=CHECKOUT,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")
