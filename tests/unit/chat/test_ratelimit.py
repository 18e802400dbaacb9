"""chat.ratelimit: buckets empty and fill."""

from chat.ratelimit import FRAMES, MEMBER, MODERATOR, Allowance, Bucket, allowance_of


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    """Three at once, then one a second, never more than the burst."""
    bucket = Bucket(Allowance(3, 1000), tick=10.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(10.9)
    assert bucket.take(11.0)
    assert not bucket.take(11.5)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_moderators_may_say_more() -> None:
    """Roles have their allowance; a page entering 100 rooms is no flood, 1,000 frames a second are."""
    assert allowance_of("owner") is allowance_of("moderator") is MODERATOR
    assert allowance_of("vip") is allowance_of("member") is MEMBER
    bucket = Bucket(FRAMES, 0.0)
    assert all(bucket.take(0.0) for _ in range(101))
    assert not all(bucket.take(number / 1000) for number in range(1000))
