"""Whom a limit counts as one."""

import pytest
from redis.asyncio import Redis

from server.ratelimit import Limit, RateLimiter, is_loopback, network_of
from server.refusal import AppError


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


def test_a_limit_of_this_process_alone() -> None:
    """So many in a window, more from the machine itself, anew in the next one."""
    now = [30.0]
    limits = RateLimiter(Redis(), clock=lambda: now[0])
    limit = Limit("test", 3, 15)
    for _ in range(3):
        limits.spend_here(limit, "192.0.2.7")
        limits.spend_here(limit, "2001:db8::1")
    with pytest.raises(AppError) as refused:
        limits.spend_here(limit, "192.0.2.7")
    assert (refused.value.status, refused.value.retry_after_seconds) == (429, 15.0)
    with pytest.raises(AppError):
        limits.spend_here(limit, "2001:db8::2")
    for _ in range(4):
        limits.spend_here(limit, "127.0.0.1")
    now[0] += 15
    limits.spend_here(limit, "192.0.2.7")
