"""server.broadcasts.rules: what is mended, and what is left alone."""

import dataclasses

import pytest

from media.broadcast import Broadcast, Refusal, Session, State, end
from server.broadcasts.rules import (
    REFUSAL_WORDS,
    SETTLE_SECONDS,
    SILENT_SECONDS,
    DropEncoder,
    FindEncoder,
    LoseEncoder,
    Seen,
    compare,
    lacks_job,
    silence,
    watch,
)
from server.broadcasts.statistics import Stream

OBS = Session("1", "10.0.0.1")
OTHER = Session("2", "10.0.0.2")
LIVE = Broadcast("a", State.LIVE, since=104.0, session=OBS, published_at=100.0, live_at=104.0)
WAITING = dataclasses.replace(LIVE, state=State.INTERRUPTED, session=None, since=200.0)
NOW = 300.0


def stream(publisher: Session | None = OBS, bytes_in: int = 1000, name: str = "a") -> Stream:
    return Stream(name, publisher, bytes_in, 0, 0, 0.0, "", "", 0, 0)


def mends(broadcast: Broadcast | None, shown: Stream | None, seen_at: float = NOW, now: float = NOW) -> list[object]:
    streams = {} if shown is None else {shown.name: shown}
    seen = {name: Seen(known.publisher, known.bytes_in, seen_at) for name, known in streams.items()}
    return list(compare([broadcast] if broadcast else [], streams, seen, now))


def test_agreement_needs_nothing() -> None:
    """A live row with its encoder, an interrupted one without, a name that only a player holds."""
    assert mends(LIVE, stream()) == []
    assert mends(WAITING, None) == []
    assert mends(WAITING, stream(publisher=None)) == []
    assert mends(None, stream(publisher=None)) == []


def test_a_row_whose_encoder_is_not_there_has_lost_it() -> None:
    """The done hook was lost, or the whole ingest restarted."""
    assert mends(LIVE, None) == [LoseEncoder("a", 1)]
    assert mends(LIVE, stream(publisher=None)) == [LoseEncoder("a", 1)]


def test_a_session_that_was_just_let_in_is_waited_for() -> None:
    """Nginx shows it only after the hook's answer; a page read before says nothing."""
    fresh = dataclasses.replace(LIVE, published_at=NOW - SETTLE_SECONDS + 0.1)
    assert mends(fresh, None) == []
    assert mends(fresh, stream(OTHER)) == []
    settled = dataclasses.replace(LIVE, published_at=NOW - SETTLE_SECONDS)
    assert mends(settled, None) == [LoseEncoder("a", 1)]


def test_a_publisher_without_an_open_broadcast_is_dropped() -> None:
    """It was ended while the drop failed, or nobody let it in."""
    assert mends(None, stream()) == [DropEncoder("a", OBS, is_silent=False)]


def test_a_publisher_on_an_interrupted_broadcast_is_dropped_once_that_is_certain() -> None:
    """It comes back through the hook; a page from just before the interruption drops nobody."""
    assert mends(WAITING, stream()) == [DropEncoder("a", OBS, is_silent=False)]
    assert mends(dataclasses.replace(WAITING, since=NOW - 1.0), stream()) == []


def test_the_page_is_right_about_who_publishes() -> None:
    """The newcomer could not join after all: the row follows the page."""
    assert mends(LIVE, stream(OTHER)) == [FindEncoder("a", 1, OTHER)]


def test_what_is_mended_names_the_session_that_was_compared() -> None:
    """The row is read again before it is changed, and may then be of the next one."""
    third = dataclasses.replace(LIVE, publish_count=3)
    assert mends(third, None) == [LoseEncoder("a", 3)]
    assert mends(third, stream(OTHER)) == [FindEncoder("a", 3, OTHER)]


@pytest.mark.parametrize(("seconds", "is_dropped"), [(SILENT_SECONDS - 0.1, False), (SILENT_SECONDS, True)])
def test_a_silent_encoder_is_dropped(seconds: float, is_dropped: bool) -> None:  # noqa: FBT001  # a case
    """Also one that never sent anything, which nginx's own timer does not see."""
    found = mends(LIVE, stream(bytes_in=0), seen_at=NOW - seconds)
    assert found == ([DropEncoder("a", OBS, is_silent=True)] if is_dropped else [])


def test_watching_remembers_when_a_stream_last_moved() -> None:
    """More bytes or another session is movement; a stream that left is forgotten."""
    first = watch({"a": stream()}, {}, 1.0)
    assert first == {"a": Seen(OBS, 1000, 1.0)}
    assert watch({"a": stream()}, first, 3.0) == first
    assert watch({"a": stream(bytes_in=1001)}, first, 3.0)["a"].changed_at == 3.0
    assert watch({"a": stream(OTHER)}, first, 3.0)["a"].changed_at == 3.0
    assert watch({}, first, 3.0) == {}


def test_silence_is_known_only_of_the_same_session_at_the_same_byte() -> None:
    """A hook may believe the reconciler's memory only if the page shows the very same."""
    seen = Seen(OBS, 1000, 1.0)
    assert silence(stream(), seen, 4.0) == 3.0
    assert silence(stream(), seen, 0.5) == 0.0
    assert silence(stream(bytes_in=1001), seen, 4.0) == 0.0
    assert silence(stream(OTHER), seen, 4.0) == 0.0
    assert silence(stream(), None, 4.0) == 0.0


def test_a_job_is_sent_again_only_when_nobody_works() -> None:
    """After a second without a worker, then every few seconds; never for what nobody publishes."""
    assert lacks_job(LIVE, is_leased=False, sent_at=None, now=101.0)
    assert not lacks_job(LIVE, is_leased=True, sent_at=None, now=101.0)
    assert not lacks_job(LIVE, is_leased=False, sent_at=None, now=100.9)
    assert not lacks_job(LIVE, is_leased=False, sent_at=101.0, now=103.0)
    assert lacks_job(LIVE, is_leased=False, sent_at=101.0, now=105.0)
    assert not lacks_job(WAITING, is_leased=False, sent_at=None, now=300.0)
    assert not lacks_job(end(LIVE, "stopped", 200.0).broadcast, is_leased=False, sent_at=None, now=300.0)


def test_every_refusal_has_words() -> None:
    """A streamer reads a sentence, never a code alone."""
    assert set(REFUSAL_WORDS) == set(Refusal)
