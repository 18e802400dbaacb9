"""Recordings in Postgres: functions that take a connection."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from media.window import Master, Record
from server.recordings.rules import Kept, Measure, StopReason, Visibility, VodState

if TYPE_CHECKING:
    import asyncpg

    from server.db.pool import Connection

_records = msgspec.json.Decoder(Record)
_masters = msgspec.json.Decoder(Master)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Recording:
    """A broadcast that is open, or whose recording is not finished."""

    broadcast_id: int
    public_id: str
    channel_id: int
    ended_at: float | None
    """None: it is open."""
    is_wanted: bool
    """The channel wants recordings, and this is no test."""
    is_private: bool
    state: VodState | None
    """None: it has no row yet."""
    next_sequence: int
    recorded_through: int | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Copy:
    """News of one broadcast's spine."""

    broadcast_id: int
    before: int
    """The sequence number that was expected."""
    records: Sequence[Record]
    measure: Measure
    master: Master


@dataclass(frozen=True, slots=True)
class Vod:
    """A recording as its doors know it."""

    broadcast_id: int
    public_id: str
    capability: str | None
    """Of a broadcast that was private: the secret in its addresses."""
    channel_id: int
    owner_account_id: int
    slug: str
    channel_name: str
    state: VodState
    visibility: Visibility
    title: str
    category: str
    started_at: datetime
    duration_ms: int
    size_bytes: int
    recorded_through: int | None
    recording_stopped_for: StopReason | None
    expires_at: datetime | None
    master: Master


_VOD = (
    "SELECT v.broadcast_id, b.public_id, b.capability, v.channel_id, c.owner_account_id, c.slug,"
    " a.display_name AS channel_name,"
    " v.state, v.visibility, coalesce(v.title, b.title) AS title, b.category,"
    " coalesce(b.live_at, b.created_at) AS started_at, v.duration_ms, v.size_bytes, v.recorded_through,"
    " v.recording_stopped_for, v.expires_at, v.master"
    " FROM vods v JOIN broadcasts b ON b.id = v.broadcast_id JOIN channels c ON c.id = v.channel_id"
    " JOIN accounts a ON a.id = c.owner_account_id WHERE a.disabled_at IS NULL AND a.deleted_at IS NULL"
)


# --- while it lasts --------------------------------------------------------------------------------------------------


async def unfinished(connection: "Connection") -> list[Recording]:
    """Open broadcasts, and those that ended but are not finished; what ended first comes first."""
    rows = await connection.fetch(
        "SELECT b.id, b.public_id, b.channel_id, CASE WHEN b.state = 'ended' THEN coalesce(b.ended_at, b.created_at)"
        " END AS ended_at, c.record AND NOT b.is_test AS is_wanted,"
        " b.capability IS NOT NULL AS is_private, v.state, v.next_sequence, v.recorded_through, v.size_bytes"
        " FROM broadcasts b JOIN channels c ON c.id = b.channel_id LEFT JOIN vods v ON v.broadcast_id = b.id"
        " WHERE b.id IN ("
        "SELECT id FROM broadcasts WHERE state <> 'ended'"
        " UNION SELECT broadcast_id FROM vods WHERE state IN ('recording', 'stopped')"
        " UNION SELECT id FROM broadcasts late WHERE state = 'ended' AND media_deleted_at IS NULL"
        " AND NOT EXISTS (SELECT FROM vods WHERE broadcast_id = late.id))"
        " ORDER BY ended_at NULLS LAST"
    )
    return [
        Recording(
            broadcast_id=row["id"],
            public_id=row["public_id"],
            channel_id=row["channel_id"],
            ended_at=row["ended_at"].timestamp() if row["ended_at"] else None,
            is_wanted=row["is_wanted"],
            is_private=row["is_private"],
            state=row["state"],
            next_sequence=row["next_sequence"] or 0,
            recorded_through=row["recorded_through"],
            size_bytes=row["size_bytes"] or 0,
        )
        for row in rows
    ]


async def begin(connection: "Connection", recording: Recording, stopped_for: StopReason | None) -> None:
    """Give a broadcast its row; with a reason nothing of it will be kept."""
    await connection.execute(
        "INSERT INTO vods (broadcast_id, channel_id, state, recorded_through, recording_stopped_at,"
        " recording_stopped_for, visibility)"
        " VALUES ($1, $2, $3, $4, CASE WHEN $5::text IS NOT NULL THEN now() END, $5, $6) ON CONFLICT DO NOTHING",
        recording.broadcast_id,
        recording.channel_id,
        "stopped" if stopped_for else "recording",
        -1 if stopped_for else None,
        stopped_for,
        "private" if recording.is_private else "public",
    )


async def stop(connection: "Connection", broadcast_id: int, reason: StopReason) -> None:
    """Keep what has been copied, and nothing that comes."""
    await connection.execute(
        "UPDATE vods SET state = 'stopped', recorded_through = next_sequence - 1, recording_stopped_at = now(),"
        " recording_stopped_for = $2 WHERE broadcast_id = $1 AND state = 'recording'",
        broadcast_id,
        reason,
    )


async def write(connection: "Connection", copies: Sequence[Copy]) -> None:
    """Write the news of many broadcasts, all or nothing; repeating it is harmless."""
    pairs = [(copy.broadcast_id, record) for copy in copies for record in copy.records]
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO broadcast_segments (broadcast_id, sequence, record)"
            " SELECT * FROM unnest($1::bigint[], $2::integer[], $3::json[]) ON CONFLICT DO NOTHING",
            [broadcast_id for broadcast_id, _ in pairs],
            [record.sequence for _, record in pairs],
            [_encoder.encode(record).decode() for _, record in pairs],
        )
        await connection.executemany(
            "UPDATE vods SET next_sequence = $3, segments = segments + $4, duration_ms = duration_ms + $5,"
            " size_bytes = size_bytes + $6, master = coalesce($7, master)"
            " WHERE broadcast_id = $1 AND next_sequence = $2",
            [
                (
                    copy.broadcast_id,
                    copy.before,
                    copy.records[-1].sequence + 1 if copy.records else copy.before,
                    copy.measure.segments,
                    copy.measure.duration_ms,
                    copy.measure.size_bytes,
                    _encoder.encode(copy.master).decode() if copy.master.renditions else None,
                )
                for copy in copies
            ],
        )


async def finish(connection: "Connection", broadcast_id: int, vod_days: float) -> VodState:
    """The broadcast is over and all is copied: the recording is ready, or there is nothing to keep."""
    state: VodState = await connection.fetchval(
        "UPDATE vods v SET state = CASE WHEN segments > 0 THEN 'ready' ELSE 'deleted' END, ready_at = now(),"
        " deleted_at = CASE WHEN segments > 0 THEN NULL ELSE now() END,"
        " expires_at = CASE WHEN $2::float8 > 0 THEN now() + $2 * interval '1 day' END"
        " WHERE broadcast_id = $1 RETURNING state",
        broadcast_id,
        vod_days,
    )
    return state


async def records_of(
    connection: "Connection", broadcast_id: int, first: int = 0, most: int | None = None
) -> list[Record]:
    """The copied records from a sequence number on, in order."""
    return decoded(await record_texts_of(connection, broadcast_id, first, most))


async def record_texts_of(
    connection: "Connection", broadcast_id: int, first: int = 0, most: int | None = None
) -> list[str]:
    """The same for `decoded`: that of two days takes most of a second, which belongs on a thread."""
    rows = await connection.fetch(
        "SELECT record FROM broadcast_segments WHERE broadcast_id = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3",
        broadcast_id,
        first,
        most,
    )
    return [row["record"] for row in rows]


def decoded(texts: Iterable[str]) -> list[Record]:
    """The records that stand in these rows."""
    return [_records.decode(text) for text in texts]


async def unrecorded(connection: "Connection", broadcast_id: int, before: int, most: int) -> list[Record]:
    """The oldest copied records before a sequence number that the recording does not keep."""
    rows = await connection.fetch(
        "SELECT s.record FROM broadcast_segments s JOIN vods v USING (broadcast_id)"
        " WHERE s.broadcast_id = $1 AND s.sequence < $2 AND s.sequence > v.recorded_through"
        " ORDER BY s.sequence LIMIT $3",
        broadcast_id,
        before,
        most,
    )
    return [_records.decode(row["record"]) for row in rows]


async def forget_records(connection: "Connection", broadcast_id: int, sequences: list[int]) -> None:
    """Their files are gone."""
    await connection.execute(
        "DELETE FROM broadcast_segments WHERE broadcast_id = $1 AND sequence = ANY($2::integer[])",
        broadcast_id,
        sequences,
    )


async def master_of(connection: "Connection", broadcast_id: int) -> Master:
    """What was copied of the broadcast's renditions."""
    return _master(await connection.fetchval("SELECT master FROM vods WHERE broadcast_id = $1", broadcast_id))


# --- for the doors ---------------------------------------------------------------------------------------------------


async def vod(connection: "Connection", public_id: str) -> Vod | None:
    """The recording of this broadcast, whatever its state; None too when its channel's owner is disabled or gone."""
    row = await connection.fetchrow(f"{_VOD} AND b.public_id = $1", public_id)
    return None if row is None else _vod(row)


async def vods_of_channel(
    connection: "Connection", channel_id: int, before: int | None, most: int, *, sees_all: bool
) -> list[Vod]:
    """The channel's recordings that are ready, the newest first, from before a broadcast's id on.

    `sees_all`: unlisted and private ones too.
    """
    rows = await connection.fetch(
        f"{_VOD} AND v.channel_id = $1 AND v.state = 'ready' AND ($2 OR v.visibility = 'public')"
        " AND ($3::bigint IS NULL OR v.broadcast_id < $3) ORDER BY v.broadcast_id DESC LIMIT $4",
        channel_id,
        sees_all,
        before,
        most,
    )
    return [_vod(row) for row in rows]


async def renew_capability(connection: "Connection", broadcast_id: int, capability: str) -> None:
    """Addresses of a private broadcast that were handed out open nothing any more; harmless for a public one."""
    await connection.execute(
        "UPDATE broadcasts SET capability = $2 WHERE id = $1 AND capability IS NOT NULL", broadcast_id, capability
    )


async def edit(connection: "Connection", broadcast_id: int, title: str | None, visibility: Visibility | None) -> None:
    """None leaves one as it is."""
    await connection.execute(
        "UPDATE vods SET title = coalesce($2, title), visibility = coalesce($3, visibility) WHERE broadcast_id = $1",
        broadcast_id,
        title,
        visibility,
    )


async def mark_deleted(connection: "Connection", broadcast_ids: list[int]) -> None:
    """Nobody plays them any more; the sweeper takes the media away."""
    await connection.execute(
        "UPDATE vods SET state = 'deleted', deleted_at = now()"
        " WHERE broadcast_id = ANY($1::bigint[]) AND state = 'ready'",
        broadcast_ids,
    )


# --- for the sweeper -------------------------------------------------------------------------------------------------


async def expired(connection: "Connection") -> list[int]:
    """Recordings whose time is over."""
    rows = await connection.fetch("SELECT broadcast_id FROM vods WHERE state = 'ready' AND expires_at <= now()")
    return [row["broadcast_id"] for row in rows]


async def kept(connection: "Connection") -> list[Kept]:
    """Every recording that takes room and could go."""
    rows = await connection.fetch(
        "SELECT v.broadcast_id, v.channel_id, coalesce(b.ended_at, b.created_at) AS ended_at, v.size_bytes"
        " FROM vods v JOIN broadcasts b ON b.id = v.broadcast_id WHERE v.state = 'ready'"
    )
    return [
        Kept(row["broadcast_id"], row["channel_id"], row["ended_at"].timestamp(), row["size_bytes"]) for row in rows
    ]


async def media_to_delete(connection: "Connection", now: float, ended_kept_seconds: float) -> list[tuple[int, str]]:
    """Ids and public ids of broadcasts whose media nobody needs.

    What its owner, its time or a quota deleted goes at once; what was never kept, when its live lists may go.
    """
    rows = await connection.fetch(
        "SELECT b.id, b.public_id FROM vods v JOIN broadcasts b ON b.id = v.broadcast_id"
        " WHERE v.state = 'deleted' AND b.media_deleted_at IS NULL AND (v.segments > 0 OR b.ended_at <= $1)"
        " ORDER BY b.id LIMIT 100",
        datetime.fromtimestamp(now - ended_kept_seconds, UTC),
    )
    return [(row["id"], row["public_id"]) for row in rows]


async def mark_media_deleted(connection: "Connection", broadcast_id: int) -> None:
    """Nothing can be played of it any more: its records go too."""
    async with connection.transaction():
        await connection.execute("DELETE FROM broadcast_segments WHERE broadcast_id = $1", broadcast_id)
        await connection.execute(
            "UPDATE vods SET size_bytes = 0, tidied_at = now() WHERE broadcast_id = $1", broadcast_id
        )
        await connection.execute("UPDATE broadcasts SET media_deleted_at = now() WHERE id = $1", broadcast_id)


async def untidy(connection: "Connection", ended_before: float) -> list[tuple[int, str, float]]:
    """Id, public id and end of each recording that still has what only the live lists needed."""
    rows = await connection.fetch(
        "SELECT b.id, b.public_id, b.ended_at FROM vods v JOIN broadcasts b ON b.id = v.broadcast_id"
        " WHERE v.state = 'ready' AND v.tidied_at IS NULL AND b.ended_at <= $1 ORDER BY b.id LIMIT 100",
        datetime.fromtimestamp(ended_before, UTC),
    )
    return [(row["id"], row["public_id"], row["ended_at"].timestamp()) for row in rows]


async def mark_tidied(connection: "Connection", broadcast_id: int) -> None:
    """Only the recording is left of it."""
    await connection.execute("UPDATE vods SET tidied_at = now() WHERE broadcast_id = $1", broadcast_id)


async def known_broadcasts(connection: "Connection", public_ids: list[str]) -> set[str]:
    """Which of these have a row."""
    rows = await connection.fetch("SELECT public_id FROM broadcasts WHERE public_id = ANY($1)", public_ids)
    return {row["public_id"] for row in rows}


def _vod(row: "asyncpg.Record") -> Vod:
    return Vod(**{**dict(row), "master": _master(row["master"])})


def _master(text: str | None) -> Master:
    return Master() if text is None else _masters.decode(text)
