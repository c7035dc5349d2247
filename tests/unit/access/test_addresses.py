"""What an address says about who can be behind it."""

from __future__ import annotations

import pytest

from market.access.addresses import is_loopback, visitor


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST", ".localhost"])
def test_some_hosts_are_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "[::]", "", "*", "192.168.0.4", "candles.example", "localhost.example", "127.0.0.1.example"],  # noqa: S104
)
def test_all_others_are_not(host: str) -> None:
    assert not is_loopback(host)


def test_all_addresses_of_a_customers_network_are_one_visitor() -> None:
    assert visitor("2001:db8:1:2::1") == visitor("2001:db8:1:2:ffff::9")
    assert visitor("2001:db8:1:2::1") != visitor("2001:db8:1:3::1")


def test_an_address_of_version_4_is_the_same_in_either_form() -> None:
    assert visitor("::ffff:192.0.2.7") == visitor("192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize("address", [None, "", "unix:"])
def test_who_has_no_address_has_a_limit_all_the_same(address: str | None) -> None:
    assert visitor(address)
