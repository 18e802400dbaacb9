"""A room with people in it, for tests that give commands without a socket."""

import itertools
import time
from dataclasses import dataclass

import msgspec

from chat.calls import read_entries
from chat.commander import Commander
from chat.keys import room_key
from chat.publisher import Published, Publisher, event_json
from chat.ratelimit import Allowance
from chat.room import CommandResult, RoomRules
from chat.sanctions import room_rules
from chat.shards import Shards
from chat.wire import Author, Event, Message
from server.db.pool import Pool

_event_in: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_numbers = itertools.count(1)


async def make_account(db: Pool, name: str, site_role: str = "user") -> int:
    account_id: int = await db.fetchval(
        "INSERT INTO accounts (name, display_name, password_hash, site_role) VALUES ($1, $1, '-', $2) RETURNING id",
        name,
        site_role,
    )
    return account_id


async def make_channel(db: Pool, owner_id: int, slug: str) -> int:
    channel_id: int = await db.fetchval(
        "INSERT INTO channels (owner_account_id, slug) VALUES ($1, $2) RETURNING id", owner_id, slug
    )
    return channel_id


@dataclass(slots=True)
class Stage:
    """One room: `olga` owns it, `mona` and `max` moderate, `vera` is a VIP, `stan` is staff, `bob` and `ann` came."""

    db: Pool
    shards: Shards
    room_id: int
    ids: dict[str, int]
    staff: set[str]

    async def rules(self) -> RoomRules:
        async with self.db.acquire() as connection:
            rules = await room_rules(connection, self.room_id)
        assert rules is not None
        return rules

    async def order(self, by: str, text: str, nonce: str | None = None) -> CommandResult:
        """What the session does with a line that begins with a slash."""
        rules, account_id = await self.rules(), self.ids[by]
        author = Author(account_id, by, rules.role_of(account_id))
        commander = Commander(self.db, self.shards)
        return await commander(rules, author, text, nonce or f"n{next(_numbers)}", is_staff=by in self.staff)

    async def say(self, by: str, text: str) -> str:
        """Say something past every limit; answers the message's id."""
        number = next(_numbers)
        message = Message(f"m{number}", int(time.time() * 1000), Author(self.ids[by], by), text)
        published = await Publisher(self.shards).say(
            self.room_id,
            event_json(message),
            account_id=self.ids[by],
            nonce=f"say{number}",
            judged_by=(await self.rules()).version,
            slow_seconds=0,
            allowance=Allowance(1000, 1),
        )
        assert isinstance(published, Published)
        return message.id

    async def log(self) -> list[Event]:
        """The room's log, oldest first."""
        key = room_key(self.room_id, "log")
        entries = await self.shards.call(key, "XRANGE", key, "-", "+", decode=read_entries)
        return [_event_in.decode(fields[b"e"]) for _, fields in entries]


async def open_stage(db: Pool, shards: Shards) -> Stage:
    roles = {
        "olga": "user",
        "mona": "user",
        "max": "user",
        "vera": "user",
        "stan": "staff",
        "bob": "user",
        "ann": "user",
    }
    ids = {name: await make_account(db, name, role) for name, role in roles.items()}
    room_id = await make_channel(db, ids["olga"], "olga")
    for name, role in {"mona": "moderator", "max": "moderator", "vera": "vip"}.items():
        await db.execute("INSERT INTO room_roles VALUES ($1, $2, $3)", room_id, ids[name], role)
    return Stage(db, shards, room_id, ids, {"stan"})
