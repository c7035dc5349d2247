"""Django's settings, made from the checked environment. What an operator may change is in `environment`."""

from __future__ import annotations

import os
import sys
from typing import Any, Final
from urllib.parse import urlsplit

from corsheaders.defaults import default_headers
from psycopg.conninfo import conninfo_to_dict

# Every process with settings can send tasks, so it needs the application that knows the broker.
import klineproject.celery  # noqa: F401
from klineproject.environment import BASE_DIR, INSTANCE, UnreadableSettings, read_environment, secrets_of
from klineproject.logs import hide, logging_settings
from klineproject.secret_key import kept_key

try:
    ENV: Final = read_environment()
except UnreadableSettings as unreadable:
    # Every process of the product starts here; none of them can do anything useful without its settings, and a
    # traceback would hide the one line that matters.
    sys.exit(f"These settings cannot be used:\n{unreadable}")

HOST = ENV.host
PORT = ENV.port
DEBUG = ENV.debug
SECRET_KEY_IS_GIVEN = bool(ENV.secret_key.get_secret_value())
SECRET_KEY = ENV.secret_key.get_secret_value() or kept_key(BASE_DIR / ".local" / INSTANCE / "secret_key")

# Who can reach the server, and what it may believe of a proxy. What does not go together stops a server:
# market.access.checks.
IS_PUBLIC = ENV.is_public
PUBLIC_URL = ENV.public_url
TRUSTED_PROXIES = ENV.trusted_proxies
_PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname
ALLOWED_HOSTS = [*ENV.allowed_hosts, *([_PUBLIC_HOST] if _PUBLIC_HOST else [])]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

# What only TLS can carry.
_HAS_TLS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _HAS_TLS
SECURE_HSTS_SECONDS = 30 * 86_400 if _HAS_TLS else 0
# Whether the names below the operator's host have TLS, too, and whether browsers shall know it by heart, is his to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Who may do what.
ACCESS = ENV.access
READS_NEED_TOKEN = ENV.reads_need_token
ANYONE_MAY_WRITE = ENV.anyone_may_write
SESSION_ENGINE = "market.access.sessions"


def _limit(given: int | None, default: int) -> int:
    """A limit, or 0 for none. On a machine of one's own, unless asked for, nobody is limited."""
    if given is None:
        return default if IS_PUBLIC or ACCESS == "token" else 0
    return given


# A chart that scrolls fast asks some five times a second; one that draws saves twice. An address may be a whole office.
READS_PER_MINUTE = _limit(ENV.reads_per_minute, 1200)
WRITES_PER_MINUTE = _limit(ENV.writes_per_minute, 120)
LOGINS_PER_MINUTE = _limit(ENV.logins_per_minute, 10)
SOCKETS_PER_ADDRESS = _limit(ENV.sockets_per_address, 100)

INSTALLED_APPS = [
    "daphne",
    "market.desk.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "channels",
    "rest_framework",
    "rest_framework.authtoken",
    "django_celery_results",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "market.apps.MarketConfig",
    "market.web.apps.WebConfig",
    "feeds.apps.FeedsConfig",
    "canvas.apps.CanvasConfig",
]
MIDDLEWARE = [
    "market.monitoring.requests.CountRequests",
    "django.middleware.security.SecurityMiddleware",
    # The admin's own files, straight from the installed packages.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "market.access.middleware.AccessMiddleware",
    "market.desk.middleware.AdminRefusals",
]
ROOT_URLCONF = "klineproject.urls"
ASGI_APPLICATION = "klineproject.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / ENV.static_root if ENV.static_root else None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
# What the pages load from npm packages; `npm ci` puts them there.
NODE_MODULES = BASE_DIR / "node_modules"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "market.web.packages.PackageFinder",
]

# Saved drawings. What belongs to one owner is in one folder; nobody but this account reads them.
CANVAS_DIR = BASE_DIR / (ENV.canvas_dir or f".local/{INSTANCE}/canvas")
CANVAS_MAX_PER_SYMBOL = ENV.canvas_max_per_symbol
CANVAS_MAX_PER_OWNER = ENV.canvas_max_per_owner
CANVAS_MAX_BYTES = ENV.canvas_max_bytes
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "canvas": {
        "BACKEND": "canvas.files.DurableStorage",
        "OPTIONS": {
            "location": CANVAS_DIR,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}


def _database(url: str) -> dict[str, Any]:
    """Django's form of a libpq address; what Django has no name for goes to the driver as it is."""
    parts = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    return {
        "ENGINE": "klineproject.postgres",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        # A server that does not answer within this time is away (HTTP 503), not slow.
        # One that goes silent in the middle is noticed by TCP within half a minute, not within hours.
        "OPTIONS": {
            "connect_timeout": 2,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
            "application_name": "klineproject",
            **parts,
        },
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": _database(ENV.database_url.get_secret_value())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = ENV.redis_url.get_secret_value()

# Publish and subscribe: a hub that is away misses what was sent meanwhile and nothing piles up for it.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "kline"},
    }
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["market.api.rendering.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    # The first one names the scheme of a 401.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "market.access.authentication.ByToken",
        "market.access.authentication.BySession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["market.access.permissions.AccessRules"],
    "DEFAULT_THROTTLE_CLASSES": ["market.access.throttles.Limits"],
    "EXCEPTION_HANDLER": "market.api.errors.envelope_errors",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "market.access.schema.Operation",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "OAS_VERSION": "3.1.1",
    "TITLE": "klineproject",
    "DESCRIPTION": (
        "Binance USDS-M futures candles. Times are UTC: milliseconds under /api and /canvas, seconds in TradingView's "
        "protocols. The push socket, /ws, is described in docs/websocket.md."
    ),
    "VERSION": "0.1.0",
    "LICENSE": {"name": "MIT"},
    "TAGS": [
        {"name": "candles", "description": "What KlineChart front ends call."},
        {"name": "symbols", "description": "What is tracked."},
        {"name": "operation", "description": "What runs."},
        {"name": "datafeed (UDF)", "description": "TradingView's datafeed protocol; `datafeedUrl` is this server."},
        {"name": "canvases", "description": "Saved drawings, by symbol and name."},
        {"name": "TradingView storage", "description": "`charts_storage_url` is this server, version `1.1`."},
        {"name": "probes", "description": "For whoever keeps the process running. They answer without the database."},
    ],
    # Neither the datafeed's views nor the probes are the REST framework's.
    "PREPROCESSING_HOOKS": ["udf.schema.add_datafeed", "market.monitoring.schema.add_monitoring"],
    # Lists of words stay where they are used: the names that would be made up for them say less.
    "POSTPROCESSING_HOOKS": [],
    "SERVE_INCLUDE_SCHEMA": False,
    # Swagger UI from the installed package; without a validator, which would be a foreign address.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}
CORS_ALLOWED_ORIGINS = ENV.cors_allowed_origins
# What a page of another origin needs for its drawings: whose they are, and which version it has.
CORS_ALLOW_HEADERS = (*default_headers, "if-match", "if-none-match", "x-user-id")
CORS_EXPOSE_HEADERS = ("ETag", "Retry-After", "WWW-Authenticate")

# A wish in the database is compared with reality again and again, so a task that is lost with its worker does no
# harm. States are kept of what an operator has asked for, and of whatever failed; the scheduled tasks' successes would
# be a write every few seconds that nobody reads.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_RESULT_BACKEND = "klineproject.results:PatientDatabaseBackend"
CELERY_RESULT_EXTENDED = True
CELERY_RESULT_EXPIRES = 7 * 86_400
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = True
# Taken off the queue when they begin: a task that is lost with its worker is made up for by the schedule, while a
# worker that loses Redis with an unacknowledged task in hand does not survive it (kombu 5.7).
CELERY_TASK_ACKS_LATE = False
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 12 * 3600}
CELERY_TIMEZONE = "UTC"
# A broker that is away must not hold up a web request: the nudge is lost, the schedule below finds the work.
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BEAT_SCHEDULE_FILENAME = str(BASE_DIR / ".local" / INSTANCE / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "read the exchange's list": {"task": "feeds.tasks.load_listing", "schedule": 3600.0},
    "find and fill gaps": {"task": "feeds.tasks.fill_history", "schedule": 120.0},
    "take up what operators have asked for": {"task": "feeds.tasks.take_up_jobs", "schedule": 30.0},
    # Daily files appear at about 08:35 UTC of the next day, sometimes much later: asked for every hour.
    "confirm by the archive": {"task": "feeds.tasks.confirm_history", "schedule": 3600.0},
    # One small request for each file of the last weeks.
    "notice files published anew": {
        "task": "feeds.tasks.confirm_history",
        "schedule": 86_400.0,
        "kwargs": {"reissues": True},
    },
    "remove drawings' files that a crash left": {"task": "canvas.tasks.sweep", "schedule": 6 * 3600.0},
}

METRICS_TOKEN = ENV.metrics_token.get_secret_value()
DATA_START = ENV.data_start
TRACKED_SYMBOL = ENV.tracked_symbol
BINANCE_ARCHIVE_URL = ENV.binance_archive_url
BINANCE_REST_URL = ENV.binance_rest_url
BINANCE_WS_URL = ENV.binance_ws_url
SYMBOLS_PER_CONNECTION = ENV.symbols_per_connection
COLLECTOR_SHARDS = ENV.collector_shards
PROXY: dict[str, Any] | None = (
    {
        "host": ENV.proxy_host,
        "port_start": ENV.proxy_port_start,
        "port_end": ENV.proxy_port_end,
        "protocol": ENV.proxy_protocol,
        "username": ENV.proxy_username,
        "password": ENV.proxy_password.get_secret_value(),
    }
    if ENV.proxy_host
    else None
)
STORE_PROCESSES = ENV.store_processes or min(4, os.cpu_count() or 1)

hide([*secrets_of(ENV), SECRET_KEY])
LOGGING_CONFIG = "klineproject.logs.configure"
LOGGING = logging_settings(form=ENV.log_format, level=ENV.log_level)
