"""media.broadcast: which way a broadcast can go, and that it goes no other."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from media.broadcast import (
    GRACE_SECONDS,
    TAKEOVER_WINDOW_SECONDS,
    TAKEOVERS_MAX,
    Announce,
    Broadcast,
    Drop,
    EndWindow,
    Holder,
    Publisher,
    Refusal,
    Session,
    StartJob,
    State,
    Step,
    end,
    first_segment,
    grace_over,
    publish,
    publisher_found,
    publisher_gone,
)

OBS = Session("1", "10.0.0.1")
OTHER = Session("2", "10.0.0.2")
AGAIN = Session("3", "10.0.0.1")


def started(now: float = 100.0) -> Broadcast:
    step = publish(None, OBS, "nobody", "first", now)
    assert isinstance(step, Step)
    return step.broadcast


def live() -> Broadcast:
    return first_segment(started(), 104.0).broadcast


def stepped(verdict: Step | Refusal) -> Step:
    assert isinstance(verdict, Step)
    return verdict


def test_an_offline_channel_starts_a_broadcast() -> None:
    """The first publish makes a Starting broadcast under the offered id, with a job for it."""
    step = stepped(publish(None, OBS, "nobody", "first", 100.0))
    assert step.broadcast == Broadcast("first", State.STARTING, 100.0, OBS, published_at=100.0)
    assert step.effects == (StartJob(), Announce())


def test_an_ended_broadcast_is_not_continued() -> None:
    """After the end the same channel gets a new broadcast, whatever the old one was."""
    ended = end(live(), "stopped", 110.0).broadcast
    assert stepped(publish(ended, OBS, "nobody", "second", 120.0)).broadcast.public_id == "second"


def test_the_first_segment_makes_it_live_once() -> None:
    """Live begins with something that plays; a second report changes nothing."""
    step = first_segment(started(), 104.0)
    assert (step.broadcast.state, step.broadcast.live_at, step.effects) == (State.LIVE, 104.0, (Announce(),))
    assert first_segment(step.broadcast, 105.0) == Step(step.broadcast)


def test_an_encoder_within_the_grace_continues_the_same_broadcast() -> None:
    """Gone, back, playing again: one public id, the first going-live kept."""
    gone = publisher_gone(live(), OBS, 110.0)
    assert (gone.broadcast.state, gone.broadcast.session, gone.effects) == (State.INTERRUPTED, None, (Announce(),))
    back = stepped(publish(gone.broadcast, AGAIN, "nobody", "other", 150.0))
    assert (back.broadcast.public_id, back.broadcast.state, back.broadcast.session) == ("first", State.STARTING, AGAIN)
    assert back.broadcast.publish_count == 2
    assert back.effects == (StartJob(), Announce())
    assert first_segment(back.broadcast, 152.0).broadcast.live_at == 104.0


def test_the_grace_ends_it() -> None:
    """One moment before the grace is over it waits, at its end it is over."""
    gone = publisher_gone(live(), OBS, 110.0).broadcast
    assert grace_over(gone, GRACE_SECONDS, 199.9) == Step(gone)
    step = grace_over(gone, GRACE_SECONDS, 200.0)
    assert (step.broadcast.state, step.broadcast.end_reason, step.broadcast.ended_at) == (
        State.ENDED,
        "grace_over",
        200.0,
    )
    assert step.effects == (EndWindow(), Announce())
    assert grace_over(live(), GRACE_SECONDS, 999.0) == Step(live())


def test_only_the_owner_can_leave() -> None:
    """The ingest reports the end of refused sessions too: they end nothing."""
    assert publisher_gone(live(), OTHER, 110.0) == Step(live())
    assert publisher_gone(live(), None, 110.0).broadcast.state is State.INTERRUPTED
    gone = publisher_gone(live(), None, 110.0).broadcast
    assert publisher_gone(gone, None, 111.0) == Step(gone)


def test_the_end_drops_the_encoder_and_is_final() -> None:
    """Stopping closes the session, ends the playlists, and happens once."""
    step = end(live(), "key_revoked", 110.0)
    assert step.effects == (Drop(OBS), EndWindow(), Announce())
    assert step.broadcast.session is None
    assert end(step.broadcast, "stopped", 111.0) == Step(step.broadcast)
    gone = publisher_gone(live(), OBS, 110.0).broadcast
    assert end(gone, "stopped", 111.0).effects == (EndWindow(), Announce())


def test_the_same_hook_asked_twice_changes_nothing() -> None:
    """The proxy tries a second web process after 200 ms: the answer is the same, no second job."""
    assert publish(started(), OBS, "nobody", "other", 100.9) == Step(started())


def test_a_restarted_ingest_counts_from_one_again() -> None:
    """The same connection number later is another session: it resumes, with a new job."""
    step = stepped(publish(live(), OBS, "nobody", "other", 130.0))
    assert (step.broadcast.publish_count, step.effects) == (2, (StartJob(), Announce()))
    assert stepped(publish(live(), OBS, Publisher(OBS, 0.0), "other", 130.0)).broadcast.publish_count == 2


def test_an_encoder_takes_over_its_own_zombie() -> None:
    """From the same address at once: the old connection is dropped before the new one is let in."""
    step = stepped(publish(live(), AGAIN, Publisher(OBS, 0.0), "other", 130.0))
    assert step.effects == (Drop(OBS), StartJob(), Announce())
    assert (step.broadcast.session, step.broadcast.takeovers, step.broadcast.public_id) == (AGAIN, (130.0,), "first")


@pytest.mark.parametrize(("silent", "allowed"), [(0.0, False), (1.99, False), (2.0, True), (60.0, True)])
def test_a_stranger_takes_over_only_a_silent_session(silent: float, allowed: bool) -> None:  # noqa: FBT001  # a case
    """From another address only when nothing came for 2 s."""
    verdict = publish(live(), OTHER, Publisher(OBS, silent), "other", 130.0)
    assert isinstance(verdict, Step) is allowed
    assert allowed or verdict is Refusal.ALREADY_LIVE


def test_two_encoders_do_not_tear_the_stream_for_ever() -> None:
    """The fourth takeover within a minute is refused; a minute later it is allowed again."""
    broadcast, now = live(), 130.0
    for number in range(TAKEOVERS_MAX):
        holder = Publisher(broadcast.session or OBS, 0.0)
        now += 2.0
        broadcast = stepped(publish(broadcast, Session(f"n{number}", OBS.address), holder, "x", now)).broadcast
    holder = Publisher(broadcast.session or OBS, 0.0)
    assert publish(broadcast, AGAIN, holder, "x", now + 2.0) is Refusal.TOO_MANY_TAKEOVERS
    assert isinstance(publish(broadcast, AGAIN, holder, "x", now + TAKEOVER_WINDOW_SECONDS), Step)


def test_an_unknown_ingest_lets_nobody_into_an_open_broadcast() -> None:
    """Fail closed: without the statistics page nobody knows whom to drop."""
    assert publish(live(), AGAIN, "unknown", "x", 130.0) is Refusal.INGEST_UNREACHABLE
    assert isinstance(publish(None, AGAIN, "unknown", "x", 130.0), Step)


def test_the_statistics_page_is_right_about_the_session() -> None:
    """A row that names another session than the one on the stream follows the page, without a word to anybody."""
    assert publisher_found(live(), OTHER) == Step(replace(live(), session=OTHER))
    assert publisher_found(live(), OBS) == Step(live())
    gone = publisher_gone(live(), OBS, 110.0).broadcast
    assert publisher_found(gone, OBS) == Step(gone)


sessions = st.builds(Session, st.sampled_from(["1", "2", "3"]), st.sampled_from(["10.0.0.1", "10.0.0.2"]))


class Channel(RuleBasedStateMachine):
    """A channel with any order of encoders, reports, silences and stops."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.broadcast: Broadcast | None = None
        self.ids = 0
        self.jobs: dict[str, int] = {}
        self.dropped: list[Session] = []
        self.ended: set[str] = set()

    def take(self, step: Step) -> None:
        before, after = self.broadcast, step.broadcast
        if before is not None and before.is_open:
            assert after.public_id == before.public_id, "an open broadcast keeps its id"
            assert after.publish_count >= before.publish_count
        if before is not None and not before.is_open and after.public_id == before.public_id:
            assert after == before, "ended is final"
        for effect in step.effects:
            match effect:
                case StartJob():
                    self.jobs[after.public_id] = self.jobs.get(after.public_id, 0) + 1
                case Drop(session):
                    self.dropped.append(session)
                case EndWindow():
                    assert after.public_id not in self.ended, "playlists end once"
                    self.ended.add(after.public_id)
                case Announce():
                    pass
        self.broadcast = after

    @rule(seconds=st.floats(0.0, 120.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(newcomer=sessions, silent=st.floats(0.0, 5.0), page=st.sampled_from(["present", "nobody", "unknown"]))
    def encoder_comes(self, newcomer: Session, silent: float, page: str) -> None:
        holder: Holder = "unknown" if page == "unknown" else "nobody"
        if page == "present" and self.broadcast and self.broadcast.session:
            holder = Publisher(self.broadcast.session, silent)
        before = self.broadcast
        self.ids += 1
        verdict = publish(before, newcomer, holder, f"id{self.ids}", self.now)
        if isinstance(verdict, Refusal):
            assert before is not None, "an offline channel refuses no good key"
            assert before.is_open
            return
        assert verdict.broadcast.session == newcomer
        self.take(verdict)

    @precondition(lambda self: self.broadcast is not None)
    @rule()
    def segment_comes(self) -> None:
        assert self.broadcast
        self.take(first_segment(self.broadcast, self.now))

    @precondition(lambda self: self.broadcast is not None)
    @rule(session=st.none() | sessions)
    def encoder_goes(self, session: Session | None) -> None:
        assert self.broadcast
        self.take(publisher_gone(self.broadcast, session, self.now))

    @precondition(lambda self: self.broadcast is not None)
    @rule(session=sessions)
    def page_shows(self, session: Session) -> None:
        assert self.broadcast
        self.take(publisher_found(self.broadcast, session))

    @precondition(lambda self: self.broadcast is not None)
    @rule()
    def reconciler_looks(self) -> None:
        assert self.broadcast
        self.take(grace_over(self.broadcast, GRACE_SECONDS, self.now))

    @precondition(lambda self: self.broadcast is not None)
    @rule()
    def owner_stops(self) -> None:
        assert self.broadcast
        self.take(end(self.broadcast, "stopped", self.now))

    @invariant()
    def states_and_fields_agree(self) -> None:
        broadcast = self.broadcast
        if broadcast is None:
            return
        assert (broadcast.session is not None) == (broadcast.state in {State.STARTING, State.LIVE})
        assert (
            (broadcast.ended_at is not None) == (broadcast.state is State.ENDED) == (broadcast.end_reason is not None)
        )
        assert (broadcast.public_id in self.ended) == (broadcast.state is State.ENDED)
        assert broadcast.state is not State.LIVE or broadcast.live_at is not None
        assert self.jobs[broadcast.public_id] == broadcast.publish_count, "one job a session that was let in"
        assert len(broadcast.takeovers) <= TAKEOVERS_MAX


Channel.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestChannel = Channel.TestCase
