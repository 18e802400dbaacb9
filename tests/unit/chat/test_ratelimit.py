"""chat.ratelimit: buckets empty and fill."""

from hypothesis import given
from hypothesis import strategies as st

from chat.ratelimit import FRAMES, JOINS, MEMBER, MODERATOR, Allowance, allowance_of, spend, wait_ms
from chat.wire import ROOMS_MAX


class Bucket:
    """The bucket as its owner keeps it: one number."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.full_at = 0.0

    def take(self, tick: float) -> bool:
        full_at = spend(self.allowance, self.full_at, tick)
        if full_at is None:
            return False
        self.full_at = full_at
        return True


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    """Three at once, then one a second, never more than the burst."""
    bucket = Bucket(Allowance(3, 1000))
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(10.9)
    assert bucket.take(11.0)
    assert not bucket.take(11.5)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


@given(st.integers(1, 30), st.integers(1, 5000), st.floats(0, 1e7))
def test_who_waits_as_told_is_let_in(burst: int, refill_ms: int, tick: float) -> None:
    """After `wait_ms` there is one to take, and a millisecond and a half before there was none."""
    bucket = Bucket(Allowance(burst, refill_ms))
    while bucket.take(tick):
        pass
    waits = wait_ms(bucket.allowance, bucket.full_at, tick)
    assert 1 <= waits <= refill_ms
    assert spend(bucket.allowance, bucket.full_at, tick + (waits - 1.5) / 1000) is None
    assert bucket.take(tick + (waits + 0.5) / 1000)


def test_moderators_may_say_more() -> None:
    """Roles have their allowance; a page entering 100 rooms is no flood, 1,000 frames a second are."""
    assert allowance_of("owner") is allowance_of("moderator") is MODERATOR
    assert allowance_of("vip") is allowance_of("member") is MEMBER
    assert JOINS.burst > ROOMS_MAX
    bucket = Bucket(FRAMES)
    assert all(bucket.take(5.0) for _ in range(101))
    assert not all(bucket.take(5 + number / 1000) for number in range(1000))
