"""Whom a limit counts as one."""

import pytest

from server.ratelimit import is_loopback, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_one_household_is_one(address: str, network: str) -> None:
    """An IPv6 customer has a /64 and could otherwise try from each of its addresses."""
    assert network_of(address) == network


def test_the_machine_itself() -> None:
    """Loopback, in both families, and nothing else."""
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("10.0.0.1")
    assert not is_loopback("unix")
