"""How soon a ban or a deletion is seen by everybody, and that what it removed is never seen again.

`python -m bench.chat_sanctions [--members N] [--rate N] [--actions N]`: two web processes, `jobs`, durable Postgres and
Redis; half of the members on each process, all in one room that talks.  The owner, on the first process, bans and
deletes in turn; a latency runs from its sending to one member's having the event, over all members and all acts.  Who
is banned speaks at that very moment.  Then newcomers join, recover and page through everything, also the archive.
"""

import argparse
import asyncio
import itertools
import json
import random
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from bench.contest import raise_file_limit
from bench.crowd import make_crowd
from bench.report import Figure, percentile, report
from bench.services import bench_folder, jobs_process, stores, web_processes
from chat.publisher import Publisher
from chat.shards import open_shards
from chat.wire import Author, Message
from server.db.pool import open_pool
from tests.services.chat import JSON, Account, ChatClient, Frame, in_room, masked

SEEN_GOAL_MS = 200.0
EARLIER_MESSAGES = 1200
"""Said before it begins: more than a room's log in Redis holds, so that pages go on in the archive."""
SPEAKERS = 100
"""Who talk in turn: each stays below a member's one message a second."""
PAUSE_SECONDS = 0.5
WARM_UP_SECONDS = 3.0
SETTLE_SECONDS = 10.0
RECOVER_EVENTS = 400
NEWCOMERS = 10
"""On each process, after all was done."""

_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + JSON.encode() + b"\r\n\r\n"
)


@dataclass(slots=True)
class Acts:
    """What the moderator did, and when each member saw it."""

    sent_at: dict[str, float] = field(default_factory=dict)
    """By `deleted <message id>` or `banned <account id>`."""
    latencies: dict[str, list[float]] = field(default_factory=dict)
    banned_at: dict[int, int] = field(default_factory=dict)
    """The offset of each ban."""
    late_words: int = 0
    """Messages of a banned account after its ban, once for each member who saw one."""
    sockets_lost: int = 0
    deliveries: int = 0
    last_payload: bytes = b""
    last_frame: Frame = field(default_factory=dict)

    def note(self, act: str) -> None:
        """One member sees it now."""
        if act in self.sent_at:
            self.latencies.setdefault(act, []).append((time.perf_counter() - self.sent_at[act]) * 1000)


class Member(asyncio.Protocol):
    """A member's socket: parses just enough, so that the load is not what is measured."""

    def __init__(self, acts: Acts, account: Account, room: str) -> None:
        self._acts, self._account, self._room = acts, account, room
        self._buffer = b""
        self._is_open = self.is_leaving = False
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard: list[tuple[str, int]] | None = None
        """Ids and authors of messages, where somebody wants to know them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self.transport.write(_HANDSHAKE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody should lose a connection: a ban silences, it does not cut."""
        self._acts.sockets_lost += not self.is_leaving
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionError("closed before it joined"))

    def write(self, **frame: object) -> None:
        """Send a frame."""
        self.transport.write(masked(json.dumps(frame).encode()))

    def say(self, text: str) -> None:
        """Say or command."""
        self.write(t="send", id=9, room=self._room, nonce=secrets.token_hex(8), text=text)

    def leave(self) -> None:
        """Go."""
        self.is_leaving = True
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Read what is complete."""
        self._buffer += data
        if not self._is_open:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            assert b" 101 " in head, head
            self._is_open, self._buffer = True, rest
            self.write(t="hello", id=1, token=self._account.token)
        start, buffer = 0, self._buffer
        while len(buffer) - start >= 2:
            size, at = buffer[start + 1], start + 2
            if size == 126:
                size, at = int.from_bytes(buffer[at : at + 2]), at + 2
            elif size == 127:
                size, at = int.from_bytes(buffer[at : at + 8]), at + 8
            if len(buffer) < at + size:
                break
            self._take(buffer[start] & 0x0F, buffer[at : at + size])
            start = at + size
        self._buffer = buffer[start:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 0x9:
            self.transport.write(masked(payload, 0xA))
        elif opcode == 0x1 and payload.startswith(b'{"t":"event"'):
            self._see(payload)
        elif payload.startswith(b'{"t":"welcome"'):
            self.write(t="join", id=2, room=self._room)
        elif payload.startswith(b'{"t":"joined"'):
            self.joined.set_result(None)

    def _see(self, payload: bytes) -> None:
        acts = self._acts
        acts.deliveries += 1
        if payload != acts.last_payload:  # all members get the same bytes: the first to have them reads them for all
            acts.last_payload, acts.last_frame = payload, json.loads(payload)
        frame = acts.last_frame
        event = frame["event"]
        match event["t"]:
            case "message":
                if self.heard is not None:
                    self.heard.append((event["id"], event["author"]["id"]))
                acts.late_words += frame["offset"] > acts.banned_at.get(event["author"]["id"], 1 << 53)
            case "deleted":
                acts.note(f"deleted {event['message_id']}")
            case "user_cleared":
                acts.banned_at[event["account_id"]] = frame["offset"]
                acts.note(f"banned {event['account_id']}")


@dataclass(frozen=True, slots=True)
class Cast:
    """Who does what."""

    room: str
    owner: Account
    victims: list[Account]
    others: list[Account]


async def enter(acts: Acts, accounts: list[Account], room: str, ports: list[int]) -> dict[int, Member]:
    """Everybody joins, by turns on each process; sockets by the account's id."""
    loop, members = asyncio.get_running_loop(), {}
    for at in range(0, len(accounts), 50):
        batch = accounts[at : at + 50]
        for number, account in enumerate(batch):
            port = ports[number % len(ports)]
            made = await loop.create_connection(lambda who=account: Member(acts, who, room), "127.0.0.1", port)  # type: ignore[misc]
            members[account.id] = made[1]
        async with asyncio.timeout(30):
            await asyncio.gather(*(members[account.id].joined for account in batch))
    return members


async def talk(speakers: list[Member], rate: float) -> None:
    """Say a line at each planned time, in turn, until cancelled."""
    begin = time.perf_counter()
    for number, speaker in enumerate(itertools.cycle(speakers)):
        await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        speaker.say(f"line {number}")


async def moderate(acts: Acts, people: Cast, members: dict[int, Member], earlier: list[str]) -> set[str]:
    """Ban and delete in turn; the ids of the deleted messages.  One deletion in four is of the archive."""
    owner = members[people.owner.id]
    assert owner.heard is not None
    deleted: set[str] = set()
    victims = {account.id for account in people.victims}
    for number, victim in enumerate(people.victims):
        members[victim.id].say("last words")
        acts.sent_at[f"banned {victim.id}"] = time.perf_counter()
        owner.say(f"/ban {victim.name}")
        members[victim.id].say("one more thing")
        await asyncio.sleep(PAUSE_SECONDS)
        fresh = [message for message, author in owner.heard[-20:] if author not in victims and message not in deleted]
        chosen = earlier.pop() if number % 4 == 0 else fresh[-1]
        acts.sent_at[f"deleted {chosen}"] = time.perf_counter()
        owner.say(f"/delete {chosen}")
        deleted.add(chosen)
        await asyncio.sleep(PAUSE_SECONDS)
    return deleted


async def say_earlier(redis_url: str, people: Cast) -> list[str]:
    """Fill the log past its bound, in everybody's name; the ids of others' messages that only the archive has."""
    ids = []
    async with open_shards(redis_url) as shards:
        publisher = Publisher(shards)
        for number in range(EARLIER_MESSAGES):
            who = random.choice(people.victims if number % 3 == 0 else people.others)
            message = Message(f"old{number}", int(time.time() * 1000), Author(who.id, who.name), f"earlier {number}")
            await publisher.announce(int(people.room), message, nonce=message.id)
            if number % 3:
                ids.append(message.id)
    return ids[: (EARLIER_MESSAGES - 1000) // 2]


def messages_of(frames: list[Frame]) -> Iterator[dict[str, Any]]:
    """All messages in some frames, and what is pinned, wherever they stand in them."""
    for frame in frames:
        for logged in frame.get("events", []):
            yield logged["event"].get("message") or logged["event"]
        if "pinned" in frame:
            yield frame["pinned"]["message"]


async def page_back(client: ChatClient, room: str, joined: Frame) -> list[Frame]:
    """Every page of the past, to its beginning; a page that the archiver has not reached yet is asked again."""
    pages: list[Frame] = []
    epoch, offset = joined["epoch"], joined["offset"] + 1
    while True:
        page = await client.ask("older", room=room, epoch=epoch, offset=offset)
        if page["t"] == "error":
            assert page["temporary"], page
            await asyncio.sleep(page["retry_after_ms"] / 1000)
            continue
        pages.append(page)
        if page["events"]:
            first = page["events"][0]
            epoch, offset = first.get("epoch", epoch), first["offset"]
        if page.get("complete"):
            return pages


async def look_back(ports: list[int], people: Cast, deleted: set[str]) -> tuple[int, int]:
    """How many messages newcomers are told in backfill, recovery and pages; and how many of those were removed."""
    victims = {account.id for account in people.victims}
    told = removed = 0
    for port in ports:
        for number in range(NEWCOMERS):
            async with in_room(port, people.room) as client:
                joined = await client.ask("join", room=people.room)
                position = {"epoch": joined["epoch"], "offset": joined["offset"] - RECOVER_EVENTS}
                frames = [joined, await client.ask("join", room=people.room, **position)]
                assert frames[1]["recovered"]
                if number == 0:
                    frames += await page_back(client, people.room, joined)
            for event in messages_of(frames):
                told += "author" in event
                removed += event.get("id") in deleted or event.get("author", {}).get("id") in victims
    return told, removed


async def measure(database_url: str, redis_url: str, ports: list[int], plan: argparse.Namespace) -> dict[str, Figure]:
    """Fill the room, talk, moderate, look back."""
    async with open_pool(database_url) as db:
        owner, *crowd = await make_crowd(db, plan.members)
    people = Cast(owner.room, owner, crowd[: plan.actions // 2], crowd[plan.actions // 2 :])
    earlier = await say_earlier(redis_url, people)
    acts = Acts()
    members = await enter(acts, [owner, *crowd], people.room, ports)
    members[owner.id].heard = []
    print(f"{len(members)} members joined", flush=True)
    own_before, begun = time.process_time(), time.perf_counter()
    talking = asyncio.create_task(talk([members[who.id] for who in people.others[:SPEAKERS]], plan.rate))
    await asyncio.sleep(WARM_UP_SECONDS)
    deleted = await moderate(acts, people, members, earlier)
    talking.cancel()
    due = plan.actions // 2 * 2 * len(members)
    until = time.perf_counter() + SETTLE_SECONDS
    while sum(map(len, acts.latencies.values())) < due and time.perf_counter() < until:  # noqa: ASYNC110  # counted, not told
        await asyncio.sleep(0.05)
    share = (time.process_time() - own_before) / (time.perf_counter() - begun)
    for member in members.values():
        member.leave()
    told, removed = await look_back(ports, people, deleted)
    return figures(acts, due, told, removed) | {"load_cpu_share": Figure(round(share, 2), "cores")}


def figures(acts: Acts, due: int, told: int, removed: int) -> dict[str, Figure]:
    """The result."""
    seen = [latency for act in acts.latencies.values() for latency in act]
    by_kind = {
        kind: [latency for act, them in acts.latencies.items() if act.startswith(kind) for latency in them]
        for kind in ("banned", "deleted")
    }
    return {
        "seen_p99": Figure(round(percentile(seen, 0.99), 1), "ms", SEEN_GOAL_MS),
        "seen_p50": Figure(round(percentile(seen, 0.5), 1), "ms"),
        "seen_max": Figure(round(max(seen), 1), "ms"),
        "ban_seen_p99": Figure(round(percentile(by_kind["banned"], 0.99), 1), "ms", SEEN_GOAL_MS),
        "deletion_seen_p99": Figure(round(percentile(by_kind["deleted"], 0.99), 1), "ms", SEEN_GOAL_MS),
        "unseen": Figure(due - len(seen), "deliveries", 0),
        "words_after_a_ban": Figure(acts.late_words, "deliveries", 0),
        "removed_seen_again": Figure(removed, "messages", 0),
        "told_to_newcomers": Figure(told, "messages"),
        "sockets_lost": Figure(acts.sockets_lost, "sockets", 0),
        "deliveries": Figure(acts.deliveries, "deliveries"),
    }


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second")
    parser.add_argument("--actions", type=int, default=40, help="half of them bans, half deletions")
    plan = parser.parse_args()
    raise_file_limit()
    with (
        bench_folder() as folder,
        stores(folder) as backing,
        jobs_process(backing, folder),
        web_processes(backing, folder, 2) as webs,
    ):
        ports = [web.port for web in webs]
        result = uvloop.run(measure(backing.database_url, backing.redis_url, ports, plan))
    return report("chat_sanctions", result)


if __name__ == "__main__":
    sys.exit(main())
