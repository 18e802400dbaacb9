"""What the rows, the ingest and the store should agree on, and what to do where they don't.  Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from media.broadcast import PUBLISHING, Broadcast, Refusal, Session
from server.broadcasts.statistics import Stream

POLL_SECONDS = 2.0
SETTLE_SECONDS = 3.0
"""A session let in so lately may not be on the statistics page yet: nginx acts after the hook's answer."""
SILENT_SECONDS = 8.0
"""An encoder that delivered nothing for so long is dropped; with the poll it is gone within 10 s."""
JOB_AFTER_SECONDS = 1.0
"""An encoder that no worker has taken by then gets its job sent again."""
JOB_AGAIN_SECONDS = 4.0
AWAY_SECONDS = 10.0
"""A statistics page that is away for so long means that nobody publishes."""
TEST_GRACE_SECONDS = 5.0
"""A test that lost its encoder is over: the next one is meant to be seen, maybe."""

REFUSAL_WORDS: Mapping[Refusal, str] = {
    Refusal.ALREADY_LIVE: "A second encoder tried to publish while the first was still delivering; it was refused.",
    Refusal.TOO_MANY_SESSIONS: "The encoder connects and leaves again and again; it was refused for up to a minute.",
    Refusal.TOO_MANY_TAKEOVERS: "Two encoders are fighting for this channel; the newcomer was refused for a minute.",
    Refusal.INGEST_UNREACHABLE: "The ingest did not say who is publishing, so a new encoder was refused.",
    Refusal.OTHER_KIND: "An encoder asked for a test while a broadcast was open: stop the broadcast first.",
    Refusal.BLOCKED: "An encoder tried to publish right after the broadcast was stopped; it may try again shortly.",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a stream had come when it last moved."""

    session: Session | None
    bytes_in: int
    changed_at: float


@dataclass(frozen=True, slots=True)
class LoseEncoder:
    """The row has an encoder that the ingest doesn't have."""

    public_id: str
    publish_count: int
    """The encoder session that was compared: the next one may have begun since."""


@dataclass(frozen=True, slots=True)
class FindEncoder:
    """The ingest has another encoder than the row."""

    public_id: str
    publish_count: int
    """As in `LoseEncoder`."""
    session: Session


@dataclass(frozen=True, slots=True)
class DropEncoder:
    """An encoder that may not publish, or that delivers nothing."""

    name: str
    session: Session
    is_silent: bool


Mend = LoseEncoder | FindEncoder | DropEncoder


def watch(streams: Mapping[str, Stream], seen: Mapping[str, Seen], now: float) -> dict[str, Seen]:
    """What is known of every stream after one more look."""
    after = {}
    for name, stream in streams.items():
        before = seen.get(name)
        stands_still = before and (before.session, before.bytes_in) == (stream.publisher, stream.bytes_in)
        after[name] = before if before and stands_still else Seen(stream.publisher, stream.bytes_in, now)
    return after


def silence(stream: Stream, seen: Seen | None, now: float) -> float:
    """For how many seconds the stream is known to have delivered nothing: 0 unless it stands where it was seen."""
    if seen is None or (seen.session, seen.bytes_in) != (stream.publisher, stream.bytes_in):
        return 0.0
    return max(0.0, now - seen.changed_at)


def compare(
    open_broadcasts: Iterable[Broadcast], streams: Mapping[str, Stream], seen: Mapping[str, Seen], now: float
) -> list[Mend]:
    """Where rows and ingest differ; `streams` was read before the rows, so an unknown publisher is a stranger."""
    mends: list[Mend] = []
    by_id = {broadcast.public_id: broadcast for broadcast in open_broadcasts}
    for name, stream in streams.items():
        if stream.publisher is None:
            continue
        broadcast = by_id.get(name)
        if broadcast is None or (broadcast.state not in PUBLISHING and now - broadcast.since >= SETTLE_SECONDS):
            mends.append(DropEncoder(name, stream.publisher, is_silent=False))
        elif now - seen[name].changed_at >= SILENT_SECONDS:
            mends.append(DropEncoder(name, stream.publisher, is_silent=True))
        elif broadcast.state in PUBLISHING and stream.publisher != broadcast.session and _is_settled(broadcast, now):
            mends.append(FindEncoder(name, broadcast.publish_count, stream.publisher))
    for broadcast in by_id.values():
        stream_now = streams.get(broadcast.public_id)
        is_there = stream_now is not None and stream_now.publisher is not None
        if broadcast.state in PUBLISHING and not is_there and _is_settled(broadcast, now):
            mends.append(LoseEncoder(broadcast.public_id, broadcast.publish_count))
    return mends


def lacks_job(broadcast: Broadcast, *, is_leased: bool, sent_at: float | None, now: float) -> bool:
    """Is an encoder publishing to nobody, and was the job not sent just now?"""
    return (
        broadcast.state in PUBLISHING
        and not is_leased
        and now - broadcast.published_at >= JOB_AFTER_SECONDS
        and (sent_at is None or now - sent_at >= JOB_AGAIN_SECONDS)
    )


def media_address(public_id: str, capability: str | None, kind: str, file: str) -> str:
    """The path of a broadcast's `live`, `vod` or `media` file.

    Whoever gets a private one may hand it on, until its secret is rotated.
    """
    secret = "" if capability is None else f"/private/{capability}"
    return f"{secret}/{kind}/{public_id}/{file}"


def _is_settled(broadcast: Broadcast, now: float) -> bool:
    return now - broadcast.published_at >= SETTLE_SECONDS
