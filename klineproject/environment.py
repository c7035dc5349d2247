"""The settings that an operator gives: environment variables, then .env, then the file of the local services.

Each is typed and checked once, at the start. A value that cannot be read stops the start with the setting's name, the
value (unless it is a secret) and the form expected.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from market.access.addresses import is_loopback

BASE_DIR: Final = Path(__file__).resolve().parent.parent
INSTANCE: Final = os.environ.get("KLINE_INSTANCE", "run")

# The later one wins: an operator's own server counts for the real thing, never for a demo or a test, which bring
# theirs and would fill his with invented candles.
_LOCAL_SERVICES: Final = BASE_DIR / ".local" / INSTANCE / "services.env"
_OWN_FILE: Final = BASE_DIR / ".env"
_ENV_FILES: Final = (_LOCAL_SERVICES, _OWN_FILE) if INSTANCE == "run" else (_OWN_FILE, _LOCAL_SERVICES)

# Only the real thing asks the real exchange. What a demo or a test invents has one of its own on this machine, and real
# candles would not fit in between.
_DOUBLE: Final = f"127.0.0.1:{os.environ.get('EXCHANGE_PORT') or 3001}"
_ARCHIVE, _REST, _STREAM = (
    ("https://data.binance.vision", "https://fapi.binance.com", "wss://fstream.binance.com/market")
    if INSTANCE == "run"
    else (f"http://{_DOUBLE}", f"http://{_DOUBLE}", f"ws://{_DOUBLE}/market")
)

_SECRETS: Final = {"database_url", "redis_url", "proxy_username", "proxy_password", "secret_key", "metrics_token"}
_MAX_PROXIES: Final = 100


class UnreadableSettings(Exception):
    """One or more settings cannot be used; the text says which, and what was expected."""


def _names(value: object) -> object:
    """``BTCUSDT,XRPUSDT``, with or without the square brackets that the original wanted around it."""
    if not isinstance(value, str):
        return value
    return [name.strip().strip("'\"") for name in value.strip().strip("[]").split(",") if name.strip()]


def _parts(address: str) -> SplitResult | None:
    """Of an address that can be taken apart, its port included; else None."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _url(*schemes: str, optional: bool = False) -> AfterValidator:
    def check(value: str) -> str:
        parts = _parts(value)
        if not (optional and value == "") and not (parts and parts.scheme in schemes and parts.hostname):
            raise ValueError(f"an address such as {schemes[0]}://host is expected{' (or nothing)' if optional else ''}")
        return value.rstrip("/")

    return AfterValidator(check)


def _database_url(value: SecretStr) -> SecretStr:
    try:
        parts = conninfo_to_dict(value.get_secret_value())
    except ProgrammingError:
        parts = {}
    # The driver would take an empty one for the machine's own server; Django wants the database's name.
    if not (parts.get("dbname") or parts.get("service")):
        raise ValueError("postgresql://user:password@host:5432/name is expected")
    return value


def _redis_url(value: SecretStr) -> SecretStr:
    parts = _parts(value.get_secret_value())
    # Where a slash ends the password too early, what stands before it is taken for the port, and shown by whoever uses
    # the address.
    if parts is None or parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("redis://:password@host:6379/0 is expected, a slash of the password written as %2F")
    return value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.path.strip("/") or parts.query or parts.fragment or parts.username):
        raise ValueError("an address without a path is expected, such as https://candles.example")
    return value


Names = Annotated[list[str], NoDecode, BeforeValidator(_names)]
Port = Annotated[int, Field(ge=1, le=65535)]
OptionalPort = Annotated[Port | None, BeforeValidator(lambda value: None if value == "" else value)]
# Absent: the default, which depends on who can reach the server. Empty or 0: no limit.
Limit = Annotated[int | None, Field(ge=0), BeforeValidator(lambda value: 0 if value == "" else value)]
Folder = Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)]


class Environment(BaseSettings):
    """Every setting there is; the README's table describes them."""

    model_config = SettingsConfigDict(env_file=_ENV_FILES, extra="ignore")

    # Services. `make run`, `make demo` and `make test` provide both by themselves.
    database_url: Annotated[SecretStr, AfterValidator(_database_url)]
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)]

    # What to collect.
    tracked_symbol: Names = []
    data_start: dt.date = dt.date(2024, 1, 1)

    # Where the exchange is. An empty REST address means: the archive only.
    binance_archive_url: Annotated[str, _url("https", "http")] = _ARCHIVE
    binance_rest_url: Annotated[str, _url("https", "http", optional=True)] = _REST
    binance_ws_url: Annotated[str, _url("wss", "ws")] = _STREAM

    # The live side. The exchange takes at most 1,024 symbols on a connection; shards are what collectors share out.
    symbols_per_connection: Annotated[int, Field(ge=1, le=1024)] = 50
    collector_shards: Annotated[int, Field(ge=1, le=1024)] = 8

    # Proxies: one for each port of the range. An empty host means a direct connection.
    proxy_host: str = ""
    proxy_username: str = ""
    proxy_password: SecretStr = SecretStr("")
    proxy_protocol: Literal["http", "https", "socks5"] = "http"
    proxy_port_start: OptionalPort = None
    proxy_port_end: OptionalPort = None

    # How many processes parse and store history; 0 means one for each processor, at most 4.
    store_processes: Annotated[int, Field(ge=0, le=32)] = 0

    # Saved drawings: where their files are (empty: with the private services), and how much one owner may keep.
    canvas_dir: Folder = None
    canvas_max_per_symbol: Annotated[int, Field(ge=1)] = 500
    canvas_max_per_owner: Annotated[int, Field(ge=1)] = 10_000
    canvas_max_bytes: Annotated[int, Field(ge=1)] = 1024**3

    # The web server.
    host: str = "127.0.0.1"
    port: Port = 3000
    secret_key: SecretStr = SecretStr("")
    debug: bool = False
    allowed_hosts: Names = ["localhost", "127.0.0.1", "[::1]"]
    cors_allowed_origins: Names = []
    # As browsers see it; https turns on what only TLS can carry. TLS ends at a proxy in front, of which the server has
    # to know: from so many it believes X-Forwarded-For, -Proto and -Host.
    public_url: Annotated[str, _url("https", "http", optional=True), AfterValidator(_origin)] = ""
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0

    # Who may do what. The word for "open, although other machines can reach it" is a setting of its own.
    access: Literal["open", "token"] = "open"
    reads_need_token: bool = False
    anyone_may_write: bool = False
    # For each address, or each user once he is known; each web process counts for itself.
    reads_per_minute: Limit = None
    writes_per_minute: Limit = None
    logins_per_minute: Limit = None
    sockets_per_address: Limit = None

    # Where `collectstatic` puts the static files and the server reads them; empty: from where they are installed.
    static_root: Folder = None

    # What a scraper of /metrics has to send. Empty: whoever may read may scrape, and nobody where ACCESS is token.
    metrics_token: SecretStr = SecretStr("")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @property
    def is_public(self) -> bool:
        """Whether others than this machine's own users can reach the web server."""
        return bool(self.public_url) or not all(is_loopback(host) for host in (self.host, *self.allowed_hosts))

    @model_validator(mode="after")
    def _demo_has_its_own_exchange(self) -> Self:
        if INSTANCE == "demo":
            for name in ("binance_archive_url", "binance_rest_url", "binance_ws_url"):
                address = getattr(self, name)
                if address and not is_loopback(urlsplit(address).hostname or ""):
                    raise ValueError(
                        f"{name.upper()}={address}: with KLINE_INSTANCE=demo the exchange double of this machine is "
                        "expected, lest real candles come into the demo's database"
                    )
        return self

    @model_validator(mode="after")
    def _proxy_range_is_whole(self) -> Self:
        first, last = self.proxy_port_start, self.proxy_port_end
        if self.proxy_host and (first is None or last is None or not 0 <= last - first < _MAX_PROXIES):
            raise ValueError(
                f"PROXY_PORT_START={first}, PROXY_PORT_END={last}: with PROXY_HOST set, a range of 1 to {_MAX_PROXIES} "
                "ports is expected"
            )
        return self


def read_environment() -> Environment:
    """All settings, checked. Raises UnreadableSettings with one line for each that is wrong."""
    try:
        return Environment()
    except ValidationError as error:
        lines = [_explain(dict(problem)) for problem in error.errors(include_url=False)]
    raise UnreadableSettings("\n".join(lines))


def secrets_of(environment: Environment) -> list[str]:
    """Every word among the settings that nobody may read."""
    redis = urlsplit(environment.redis_url.get_secret_value())
    database = conninfo_to_dict(environment.database_url.get_secret_value())
    return [
        str(word)
        for word in (
            database.get("password"),
            redis.password and unquote(redis.password),
            environment.proxy_username,
            environment.proxy_password.get_secret_value(),
            environment.secret_key.get_secret_value(),
            environment.metrics_token.get_secret_value(),
        )
        if word
    ]


def _explain(problem: dict[str, Any]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    expected = str(problem["msg"]).removeprefix("Value error, ")
    if not name:
        return expected
    if problem["type"] == "missing":
        return (
            f"{name.upper()} is not set: give it in the environment or in .env, or let `make run` or `make demo` "
            "provide the service"
        )
    given = "(not shown)" if name in _SECRETS else repr(problem["input"])
    return f"{name.upper()}={given}: {expected}"
