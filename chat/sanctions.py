"""Roles, modes and sanctions of a room in Postgres: what is true, and the statements that change it.

Each change takes the connection of its caller's transaction, and the caller holds the room's lock (`lock_room`), so
that one room's changes happen one after the other.  Times are the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec

from chat.board import Board
from chat.moderation import Person
from chat.orders.order import GivenRole, Occupant
from chat.room import RoomRules, Sanction
from chat.wire import Modes, Pinned

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

_pinned_in: msgspec.json.Decoder[Pinned] = msgspec.json.Decoder(Pinned)

_ACTIVE = "lifted_at IS NULL AND (until IS NULL OR until > now())"


# -- what is true --

_RULES = f"""
SELECT channel.owner_account_id, coalesce(rules.version, 0) AS version,
  coalesce(rules.slow_seconds, 0) AS slow_seconds, rules.followers_only_seconds, rules.pinned::text AS pinned,
  ARRAY(SELECT account_id FROM room_roles WHERE channel_id = channel.id AND role = 'moderator') AS moderators,
  ARRAY(SELECT account_id FROM room_roles WHERE channel_id = channel.id AND role = 'vip') AS vips,
  active.accounts, active.untils, active.reasons
FROM channels AS channel LEFT JOIN room_rules AS rules ON rules.channel_id = channel.id
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(account_id ORDER BY kind DESC, id), '{{}}') AS accounts,
    coalesce(array_agg(until ORDER BY kind DESC, id), '{{}}') AS untils,
    coalesce(array_agg(reason ORDER BY kind DESC, id), '{{}}') AS reasons
  FROM sanctions WHERE channel_id = channel.id AND {_ACTIVE}
) AS active
WHERE channel.id = $1
"""  # noqa: S608  # one constant of ours inside another


async def room_rules(connection: Connection, channel_id: int) -> RoomRules | None:
    """The rules as they are now, in one snapshot; None where there is no such channel."""
    row = await connection.fetchrow(_RULES, channel_id)
    if row is None:
        return None
    return RoomRules(
        room_id=channel_id,
        owner_id=row["owner_account_id"],
        version=row["version"],
        moderators=frozenset(row["moderators"]),
        vips=frozenset(row["vips"]),
        sanctions={
            account: Sanction("ban" if until is None else "timeout", _ms(until), reason)
            for account, until, reason in zip(row["accounts"], row["untils"], row["reasons"], strict=True)
        },
        slow_seconds=row["slow_seconds"],
        followers_only_seconds=row["followers_only_seconds"],
        pinned=_pinned(row),
    )


def _pinned(row: asyncpg.Record) -> Pinned | None:
    return None if row["pinned"] is None else _pinned_in.decode(row["pinned"])


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


async def rules_versions(connection: Connection, channel_ids: Sequence[int]) -> dict[int, int]:
    """The version of each room's rules; 0 where nothing was ever changed."""
    rows = await connection.fetch(
        "SELECT channel_id, version FROM room_rules WHERE channel_id = ANY($1::bigint[])", list(channel_ids)
    )
    return dict.fromkeys(channel_ids, 0) | {row["channel_id"]: row["version"] for row in rows}


_OCCUPANT = f"""
SELECT account.id, account.display_name, account.site_role <> 'user' AS is_staff,
  CASE WHEN channel.owner_account_id = account.id THEN 'owner'
       ELSE coalesce((SELECT role FROM room_roles WHERE channel_id = channel.id AND account_id = account.id), 'member')
  END AS role, sanction.kind, sanction.until, sanction.reason
FROM accounts AS account CROSS JOIN channels AS channel
LEFT JOIN LATERAL (
  SELECT kind, until, reason FROM sanctions
  WHERE channel_id = channel.id AND account_id = account.id AND {_ACTIVE} ORDER BY kind, id DESC LIMIT 1
) AS sanction ON true
WHERE channel.id = $1 AND
"""  # noqa: S608  # as above
_BY_ID = _OCCUPANT + "account.id = $2"
_BY_NAME = _OCCUPANT + "lower(account.name) = lower($2) AND account.deleted_at IS NULL"


async def occupant_by_id(connection: Connection, channel_id: int, account_id: int) -> Occupant | None:
    """The account in this room, deleted ones too: what they said may still be removed."""
    return _occupant(await connection.fetchrow(_BY_ID, channel_id, account_id))


async def occupant_by_name(connection: Connection, channel_id: int, name: str) -> Occupant | None:
    """The account of this name, in whatever case, in this room."""
    return _occupant(await connection.fetchrow(_BY_NAME, channel_id, name))


def _occupant(row: asyncpg.Record | None) -> Occupant | None:
    if row is None:
        return None
    return Occupant(
        account_id=row["id"],
        name=row["display_name"],
        person=Person(row["id"], row["role"], is_staff=row["is_staff"]),
        sanction=None if row["kind"] is None else Sanction(row["kind"], _ms(row["until"]), row["reason"]),
    )


# -- what changes it --


@dataclass(frozen=True, slots=True)
class Lock:
    """The room's lock, held to the transaction's end: the time it was taken, and the board it found."""

    at: datetime
    board: Board


async def lock_room(connection: Connection, channel_id: int) -> Lock | None:
    """Take the room's `room_rules` row, making it if need be; None where there is no such channel."""
    row = await connection.fetchrow(
        """
        INSERT INTO room_rules (channel_id) SELECT id FROM channels WHERE id = $1
        ON CONFLICT (channel_id) DO UPDATE SET version = room_rules.version
        RETURNING clock_timestamp() AS at, slow_seconds, followers_only_seconds, pinned::text AS pinned
        """,
        channel_id,
    )
    if row is None:
        return None
    return Lock(row["at"], Board(Modes(row["slow_seconds"], row["followers_only_seconds"]), _pinned(row)))


_LIFT = f"""
UPDATE sanctions SET lifted_at = now(), lifted_by = $3 WHERE channel_id = $1 AND account_id = $2 AND {_ACTIVE}
"""  # noqa: S608  # a constant of ours

_SILENCE = f"""
WITH lifted AS ({_LIFT})
INSERT INTO sanctions (channel_id, account_id, kind, reason, created_by, until)
VALUES ($1, $2, CASE WHEN $5::timestamptz IS NULL THEN 'ban' ELSE 'timeout' END, $4, $3, $5)
"""  # noqa: S608  # as above


async def set_sanction(
    connection: Connection, channel_id: int, account_id: int, *, by: int, until: datetime | None, reason: str
) -> None:
    """A timeout until then, or a ban (None), instead of whatever was active."""
    await connection.execute(_SILENCE, channel_id, account_id, by, reason, until)


async def lift_sanctions(connection: Connection, channel_id: int, account_id: int, *, by: int) -> None:
    """End what is active; the rows stay, with who lifted them and when."""
    await connection.execute(_LIFT, channel_id, account_id, by)


async def close_ended(connection: Connection, limit: int) -> int:
    """Close timeouts that ended by themselves, so that the index of active ones stays small; how many.

    Nobody lifted them: `lifted_by` stays empty, `lifted_at` is their end.  The rules are the same before and after.
    """
    status = await connection.execute(
        """
        UPDATE sanctions SET lifted_at = until WHERE id IN (
          SELECT id FROM sanctions WHERE lifted_at IS NULL AND until < now() - interval '1 minute' LIMIT $1)
        """,
        limit,
    )
    return int(status.split()[-1])


async def set_modes(connection: Connection, channel_id: int, modes: Modes) -> None:
    """Slow and followers-only mode from here on."""
    await connection.execute(
        "UPDATE room_rules SET slow_seconds = $2, followers_only_seconds = $3 WHERE channel_id = $1",
        channel_id,
        modes.slow_seconds,
        modes.followers_only_seconds,
    )


async def set_pinned(connection: Connection, channel_id: int, pinned: Pinned | None) -> None:
    """This line stands over the room from here on; None: nothing does."""
    await connection.execute(
        "UPDATE room_rules SET pinned = $2::text::jsonb WHERE channel_id = $1",
        channel_id,
        None if pinned is None else msgspec.json.encode(pinned).decode(),
    )


async def set_role(
    connection: Connection, channel_id: int, account_id: int, role: GivenRole | None, *, by: int
) -> None:
    """Give the account the role instead of any other; None: back to member."""
    if role is None:
        await connection.execute(
            "DELETE FROM room_roles WHERE channel_id = $1 AND account_id = $2", channel_id, account_id
        )
        return
    await connection.execute(
        """
        INSERT INTO room_roles (channel_id, account_id, role, granted_by) VALUES ($1, $2, $3, $4)
        ON CONFLICT (channel_id, account_id)
        DO UPDATE SET role = excluded.role, granted_by = excluded.granted_by, granted_at = now()
        """,
        channel_id,
        account_id,
        role,
        by,
    )
