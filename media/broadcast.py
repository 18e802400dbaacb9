"""A broadcast as a state machine: Offline → Starting → Live → Interrupted → Ended.  Pure: time and ids come in.

A channel without an open broadcast is offline and has no `Broadcast`; each function takes what is known and returns a
`Step`: the broadcast as it is from now on, which the shell commits, and the effects that it performs in their order.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

GRACE_SECONDS = 90.0
"""How long an interrupted broadcast waits for its encoder, unless the operator says otherwise."""
TAKEOVER_SILENT_SECONDS = 2.0
"""A session that delivered nothing for so long may be taken over from any address."""
TAKEOVER_WINDOW_SECONDS = 60.0
TAKEOVERS_MAX = 3
"""Within the window: two encoders on one key must not tear the stream to and fro."""
REPEAT_SECONDS = 1.0
"""The hook's proxy asks a second web process when the first is slow: the same session again so soon is that."""


class State(StrEnum):
    """What a broadcast is doing; rows hold all but `offline`, which is a channel without an open one."""

    OFFLINE = "offline"
    STARTING = "starting"
    """An encoder publishes, no segment is out yet."""
    LIVE = "live"
    INTERRUPTED = "interrupted"
    """The encoder is gone and may come back within the grace."""
    ENDED = "ended"


PUBLISHING = frozenset({State.STARTING, State.LIVE})

EndReason = Literal["grace_over", "stopped", "stopped_by_staff", "key_revoked", "account_disabled", "failed"]


@dataclass(frozen=True, slots=True)
class Session:
    """An encoder's connection at the ingest.

    nginx numbers its connections from 1 at each start, so the address goes with the number.
    """

    client_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One going-live of a channel; times are Unix seconds."""

    public_id: str
    state: State
    since: float
    session: Session | None
    """Who publishes; None unless Starting or Live."""
    published_at: float
    publish_count: int = 1
    """Grows with each encoder session that was let in."""
    live_at: float | None = None
    ended_at: float | None = None
    end_reason: EndReason | None = None
    takeovers: tuple[float, ...] = ()

    @property
    def is_open(self) -> bool:
        """Can it still go on?"""
        return self.state is not State.ENDED


@dataclass(frozen=True, slots=True)
class StartJob:
    """Hand the stream to a transcoder."""


@dataclass(frozen=True, slots=True)
class EndWindow:
    """Playlists get ENDLIST, the transcoder lets go."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Close an encoder's connection at the ingest."""

    session: Session


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the channel's room."""


Effect = StartJob | EndWindow | Drop | Announce


@dataclass(frozen=True, slots=True)
class Step:
    """The broadcast from now on, and what to do once it is committed."""

    broadcast: Broadcast
    effects: tuple[Effect, ...] = ()


class Refusal(StrEnum):
    """Why an encoder with a good key was refused; the dashboard says it in words."""

    ALREADY_LIVE = "already_live"
    TOO_MANY_TAKEOVERS = "too_many_takeovers"
    INGEST_UNREACHABLE = "ingest_unreachable"
    BLOCKED = "blocked"
    OTHER_KIND = "other_kind"
    TOO_MANY_SESSIONS = "too_many_sessions"
    """Its encoder comes and leaves again and again."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who holds a stream at the ingest, by its statistics page."""

    session: Session
    silent_seconds: float
    """For how long it is known to have delivered nothing."""


Holder = Publisher | Literal["nobody", "unknown"]
"""`unknown`: the statistics page does not answer."""


def publish(current: Broadcast | None, newcomer: Session, holder: Holder, public_id: str, now: float) -> Step | Refusal:
    """An encoder with a good key wants to publish.

    `current` is the channel's open broadcast, which it continues; without one a new broadcast `public_id` begins. A
    `Drop` among the effects must be done before the newcomer is let in.
    """
    if current is None or not current.is_open:
        born = Broadcast(public_id, State.STARTING, now, newcomer, published_at=now)
        return Step(born, (StartJob(), Announce()))
    if current.session == newcomer and now - current.published_at <= REPEAT_SECONDS:
        return Step(current)
    if holder == "unknown":
        return Refusal.INGEST_UNREACHABLE
    if holder == "nobody" or holder.session == newcomer:
        return Step(_resumed(current, newcomer, now), (StartJob(), Announce()))
    if holder.silent_seconds < TAKEOVER_SILENT_SECONDS and holder.session.address != newcomer.address:
        return Refusal.ALREADY_LIVE
    recent = tuple(at for at in current.takeovers if now - at < TAKEOVER_WINDOW_SECONDS)
    if len(recent) >= TAKEOVERS_MAX:
        return Refusal.TOO_MANY_TAKEOVERS
    taken = replace(_resumed(current, newcomer, now), takeovers=(*recent, now))
    return Step(taken, (Drop(holder.session), StartJob(), Announce()))


def first_segment(current: Broadcast, now: float) -> Step:
    """The transcoder has put out something that plays."""
    if current.state is not State.STARTING:
        return Step(current)
    live_at = now if current.live_at is None else current.live_at
    return Step(replace(current, state=State.LIVE, since=now, live_at=live_at), (Announce(),))


def publisher_gone(current: Broadcast, session: Session | None, now: float) -> Step:
    """The encoder's connection has ended; only the owner's counts, None stands for whoever it was.

    nginx reports the end of refused and taken-over sessions too, under the same key.
    """
    if current.state not in PUBLISHING or session not in {None, current.session}:
        return Step(current)
    return Step(replace(current, state=State.INTERRUPTED, since=now, session=None), (Announce(),))


def publisher_found(current: Broadcast, session: Session) -> Step:
    """The statistics page shows another session on the stream than the row: the page is right."""
    if current.state not in PUBLISHING or session == current.session:
        return Step(current)
    return Step(replace(current, session=session))


def grace_over(current: Broadcast, grace_seconds: float, now: float) -> Step:
    """Has an interrupted broadcast waited long enough?"""
    if current.state is not State.INTERRUPTED or now < current.since + grace_seconds:
        return Step(current)
    return end(current, "grace_over", now)


def end(current: Broadcast, reason: EndReason, now: float) -> Step:
    """End it whatever it is doing: stopped, its key revoked, its owner disabled, or impossible to play."""
    if not current.is_open:
        return Step(current)
    dropped: tuple[Effect, ...] = (Drop(current.session),) if current.session else ()
    ended = replace(current, state=State.ENDED, since=now, session=None, ended_at=now, end_reason=reason)
    return Step(ended, (*dropped, EndWindow(), Announce()))


def _resumed(current: Broadcast, session: Session, now: float) -> Broadcast:
    return replace(
        current,
        state=State.STARTING,
        since=now,
        session=session,
        published_at=now,
        publish_count=current.publish_count + 1,
    )
