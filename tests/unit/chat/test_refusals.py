"""chat.refusals: the frame that tells a refusal."""

from chat.codes import Code
from chat.ratelimit import PAGES
from chat.refusals import no_room, not_joined, refused, too_many_rooms, too_often
from chat.room import Refusal
from chat.wire import Hello, Join, Ping, Refused, Send


def test_a_refusal_names_its_request() -> None:
    """By id, room and nonce, as far as the request has them; the rest is the refusal's own."""
    wait = Refusal(Code.SLOW_MODE, "Wait.", is_temporary=True, retry_after_ms=5, field="text")
    assert refused(Send(4, "12", "n1", "hi"), wait) == Refused(
        4, "slow_mode", "Wait.", temporary=True, retry_after_ms=5, field="text", room="12", nonce="n1"
    )
    assert refused(Ping(7), not_joined()).room is None
    assert refused(Hello(1), no_room()).nonce is None


def test_what_may_be_anything_is_cut() -> None:
    """A name as long as a frame comes back short."""
    told = refused(Send(4, "x" * 9000, "n" * 9000, "hi"), no_room())
    assert (len(told.room or ""), len(told.nonce or "")) == (64, 64)
    assert refused(Join(2, ""), too_many_rooms()).room is None


def test_too_often_says_when() -> None:
    """With an empty bucket: one refill later."""
    empty_at = 100 + PAGES.burst * PAGES.refill_ms / 1000
    refusal = too_often(PAGES, empty_at, 100.0)
    assert (refusal.code, refusal.is_temporary, refusal.retry_after_ms) == (Code.RATE_LIMITED, True, PAGES.refill_ms)
