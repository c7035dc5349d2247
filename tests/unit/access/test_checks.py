"""Settings that each can be read and that together are not safe."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pytest_django import Settings

from klineproject.environment import Environment, UnreadableSettings, read_environment
from market.access.checks import access_is_safe

KEY: Final = "a key for tests that is as long as a key for real use has to be"
# As an operator deploys it.
PRODUCTION: Final = {
    "HOST": "0.0.0.0",  # noqa: S104
    "ACCESS": "token",
    "SECRET_KEY": KEY,
    "PUBLIC_URL": "https://candles.example",
    "TRUSTED_PROXIES": 1,
}
MINE: Final = {
    "HOST": "127.0.0.1",
    "ALLOWED_HOSTS": ["localhost"],
    "PUBLIC_URL": "",
    "TRUSTED_PROXIES": 0,
    "ACCESS": "open",
    "ANYONE_MAY_WRITE": False,
    "READS_NEED_TOKEN": False,
    "DEBUG": False,
    "SECRET_KEY": "",
}


def said(settings: Settings, given: dict[str, Any]) -> list[tuple[str, str]]:
    """The errors, each with its advice, about these settings of an operator."""
    values = {**MINE, **given}
    reachable = Environment.model_construct(
        host=values["HOST"], allowed_hosts=values["ALLOWED_HOSTS"], public_url=values["PUBLIC_URL"]
    )
    for name, value in values.items():
        if name != "SECRET_KEY":
            setattr(settings, name, value)
    settings.SECRET_KEY_IS_GIVEN = bool(values["SECRET_KEY"])
    # Django wants one in any case; the product keeps one of its own.
    settings.SECRET_KEY = values["SECRET_KEY"] or KEY
    settings.IS_PUBLIC = reachable.is_public
    return [(str(error.msg), str(error.hint)) for error in access_is_safe()]


@pytest.mark.parametrize(
    ("given", "complaint", "advice"),
    [
        ({"HOST": "192.0.2.1", "SECRET_KEY": KEY}, "HOST=192.0.2.1", "ANYONE_MAY_WRITE=true"),
        ({"ALLOWED_HOSTS": ["candles.example"], "SECRET_KEY": KEY}, "ALLOWED_HOSTS=candles.example", "ACCESS=token"),
        ({"ALLOWED_HOSTS": ["*"], "SECRET_KEY": KEY}, "ALLOWED_HOSTS=*", "ACCESS=token"),
        ({"PUBLIC_URL": "http://a.example", "SECRET_KEY": KEY}, "PUBLIC_URL=http://a.example", "ACCESS=token"),
        ({**PRODUCTION, "DEBUG": True}, "DEBUG=true", "Remove DEBUG"),
        ({**PRODUCTION, "SECRET_KEY": ""}, "SECRET_KEY is not set", "token_urlsafe"),
        ({**PRODUCTION, "SECRET_KEY": "changeme"}, "SECRET_KEY has fewer than 50", "token_urlsafe"),
        ({"ACCESS": "token"}, "SECRET_KEY is not set", "token_urlsafe"),
        ({"READS_NEED_TOKEN": True}, "READS_NEED_TOKEN=true", "ACCESS=token"),
        ({**PRODUCTION, "TRUSTED_PROXIES": 0}, "speaks no TLS", "TRUSTED_PROXIES"),
    ],
)
def test_an_unsafe_mix_is_named_with_what_to_do(
    settings: Settings, given: dict[str, Any], complaint: str, advice: str
) -> None:
    [(text, hint)] = said(settings, given)
    assert complaint in text
    assert advice in hint
    assert "changeme" not in text + hint


@pytest.mark.parametrize(
    "given",
    [
        {},
        PRODUCTION,
        {"HOST": "0.0.0.0", "ANYONE_MAY_WRITE": True, "SECRET_KEY": KEY},  # noqa: S104
        {"ACCESS": "token", "SECRET_KEY": KEY, "READS_NEED_TOKEN": True},
        {"HOST": "localhost", "DEBUG": True},
        {"HOST": "::1"},
    ],
)
def test_a_safe_one_passes(settings: Settings, given: dict[str, Any]) -> None:
    assert said(settings, given) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCESS", "closed"),
        ("TRUSTED_PROXIES", "-1"),
        ("READS_PER_MINUTE", "many"),
        ("PUBLIC_URL", "candles.example"),
        ("PUBLIC_URL", "https://candles.example/charts"),
        ("ANYONE_MAY_WRITE", "perhaps"),
    ],
)
def test_a_word_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UnreadableSettings, match=f"{name}='{value}'"):
        read_environment()


@pytest.mark.parametrize(("text", "limit"), [("", 0), ("0", 0), ("7", 7)])
def test_a_limit_of_nothing_is_no_limit(monkeypatch: pytest.MonkeyPatch, text: str, limit: int) -> None:
    monkeypatch.setenv("READS_PER_MINUTE", text)
    assert read_environment().reads_per_minute == limit
