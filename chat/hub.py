"""This process's rooms and sockets: follows the logs of its rooms and delivers each event to everybody who is in.

A room opens with its first socket (rules, acknowledged subscription, log; in this order) and closes some time after
its last.  Nothing is delivered before Redis gave it a place, and everything is delivered in the order of places.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import msgspec
import structlog
from prometheus_client import Counter, Gauge, Histogram

from chat.accounts import Accounts
from chat.audience import Identity, Socket, Standing
from chat.availability import AWAY
from chat.bus import OFFSET_MAX, Bus, LogRead
from chat.codes import Close
from chat.ending import end
from chat.fanout import GAP_MAX_SECONDS
from chat.keys import partition, room_key
from chat.live_room import Heard, LiveRoom
from chat.presence import BEAT_SECONDS, PresenceWriter, read_info
from chat.publisher import Published, Publisher, Stale, event_json
from chat.ratelimit import Allowance
from chat.room import Position, Refusal, RoomRules
from chat.rounds import Rounds
from chat.sequencer import Step
from chat.shards import Shards
from chat.shared import Shared, SharedEvent, SharedFrame
from chat.wire import BACKFILL_MESSAGES, Event, Info, Logged, Message, Reconnect, Reload, You

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

DELIVER_SECONDS = Histogram(
    "leams_chat_deliver_seconds",
    "From the making of an event to its writing to the last of this process's sockets.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
DELIVERED = Counter("leams_chat_delivered_total", "Events offered to the sockets of a room, once per room.")
WRITES = Counter(
    "leams_chat_writes_total", "Passes over a room's sockets; fewer than the events where they left together."
)
OVERFLOWS = Counter("leams_chat_outbox_overflow_total", "Sockets closed because they read too slowly.")
RELOADS = Counter("leams_chat_reload_total", "Rooms whose log began anew or could not be followed.")
SOCKETS = Gauge("leams_chat_sockets", "Connected sockets, guests too.")
MEMBERS = Gauge("leams_chat_members", "Connected sockets of accounts.")

KEEP_EMPTY_SECONDS = 30.0
SWEEP_SECONDS = 1.0
CHECK_SECONDS = 5.0
"""How often positions are compared with Redis and rule versions with Postgres."""
EXPIRY_GRACE_SECONDS = 60.0
ENDED_HOLDS_SECONDS = 5.0
"""Longer than any hello is looked up: a session whose end was told meanwhile is asked for again."""
ACCOUNT_SOCKETS_MAX = 50
"""Of one account in one process; then its oldest goes."""

_SLOW = "you read too slowly: come back and recover"
_event_in: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the hub asks Postgres for; the server brings it."""

    rules: Callable[[int], Awaitable[RoomRules | None]]
    versions: Callable[[list[int]], Awaitable[dict[int, int]]]
    """The newest version of each room's rules."""
    before: Callable[[int, Position], Awaitable[list[Logged]]]
    """Visible messages right before a position, for the backfill of a short log."""
    ended: Callable[[list[str]], Awaitable[set[str]]]
    """Which of these sessions (of accounts) no longer stand."""


class NoRoomError(Exception):
    """No channel has this id."""


class Hub:
    """The rooms of this process."""

    def __init__(
        self, shards: Shards, process: str, sources: Sources, *, gap_max_seconds: float = GAP_MAX_SECONDS
    ) -> None:
        self._sources = sources
        self._publisher = Publisher(shards)
        self._presence = PresenceWriter(shards, process)
        self.bus = Bus(shards, process, self._on_restored)
        self.bus.listen_accounts(self.close_account)
        self._rooms: dict[int, LiveRoom] = {}
        self._opening: dict[int, asyncio.Task[LiveRoom]] = {}
        self._catching_up: dict[int, asyncio.Task[None]] = {}
        self._refreshing: dict[int, bool] = {}
        """Rooms whose rules are being read; True: they changed again meanwhile."""
        self._sockets: dict[Socket, None] = {}
        self._accounts = Accounts()
        self._ended: dict[int, float] = {}
        """Accounts of which a session's end was told lately, and when (monotonic)."""
        self._gap_max_seconds = gap_max_seconds
        self._rounds = Rounds(self._close_slow, _count_passed, is_joining=gap_max_seconds > 0)
        self._drain_spread_ms = 0
        self._group: asyncio.TaskGroup | None = None
        self.is_draining = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Hub"]:
        """Follow the logs while the block runs."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            tasks = [
                group.create_task(self.bus.run()),
                group.create_task(self._every(SWEEP_SECONDS, self._sweep)),
                group.create_task(self._every(BEAT_SECONDS, self._beat)),
                group.create_task(self._every(CHECK_SECONDS, self._check)),
            ]
            try:
                yield self
            finally:
                await end([*tasks, *self._opening.values(), *self._catching_up.values()])

    def start(self, work: Awaitable[None]) -> asyncio.Task[None]:
        """Do this in a task that lives no longer than the hub; its failure is logged."""
        assert self._group is not None  # noqa: S101  # sockets come only while running
        return self._group.create_task(_logged(work))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds * random.uniform(0.9, 1.1))  # noqa: S311  # jitter
            await _logged(work())

    # -- sockets --

    def connect(self, socket: Socket) -> None:
        """Count a socket in."""
        self._sockets[socket] = None
        SOCKETS.inc()

    def disconnect(self, socket: Socket) -> None:
        """Let go of a socket, whatever it was in; harmless the second time."""
        if socket not in self._sockets:
            return
        for room_id in socket.rooms:
            self.leave(socket, room_id)
        self._become(socket, None)
        del self._sockets[socket]
        SOCKETS.dec()

    def identify(self, socket: Socket, identity: Identity | None) -> None:
        """Make the socket this account's, or a guest's; its standings change with it."""
        if socket not in self._sockets:
            return  # it was closed while its request waited
        rooms = [self._rooms[room_id] for room_id in socket.rooms]
        told = [room.audience.told(socket) for room in rooms]
        self._become(socket, identity)
        for room, before in zip(rooms, told, strict=True):
            if room.id in socket.rooms:  # telling it may have found it too slow
                self._tell_standing(room, socket, before)
        if identity is not None and identity.account_id in self._ended:
            self.start(self._close_ended((socket,)))  # its look-up may be older than the end
        if identity is not None and len(own := self._accounts.of(identity.account_id)) > ACCOUNT_SOCKETS_MAX:
            self._close(own[0], Close.SUPERSEDED, "too many sockets of this account")

    def _become(self, socket: Socket, identity: Identity | None) -> None:
        if socket.identity is not None:
            self._count_chatter(socket, -1)
            self._accounts.remove(socket)
            MEMBERS.dec()
        socket.identity = identity
        if identity is not None:
            self._accounts.add(socket)
            self._count_chatter(socket, 1)
            MEMBERS.inc()

    def _count_chatter(self, socket: Socket, change: int) -> None:
        for room_id in socket.rooms:
            if not self._accounts.is_elsewhere_in(socket, room_id):
                self._rooms[room_id].audience.chatters += change

    def _close(self, socket: Socket, code: Close, reason: str) -> None:
        socket.outlet.close(code, reason)
        self.disconnect(socket)

    def _close_slow(self, socket: Socket) -> None:
        OVERFLOWS.inc()
        self._close(socket, Close.SLOW, _SLOW)

    def close_account(self, account_id: int, session_id: str | None) -> None:
        """Close an account's sockets, or those of one of its sessions."""
        self._ended[account_id] = time.monotonic()
        for socket in self._accounts.of(account_id):
            if session_id is None or (socket.identity and socket.identity.session_id == session_id):
                self._close(socket, Close.ACCOUNT_GONE, "signed out")

    # -- rooms --

    def room(self, room_id: int) -> LiveRoom | None:
        """A room that is open here."""
        return self._rooms.get(room_id)

    async def open_room(self, room_id: int) -> LiveRoom:
        """The room, opened if it is not; many at once open it once.

        Raises:
            NoRoomError: there is no such channel.
            AWAY: Redis or Postgres is away.
        """
        if (room := self._rooms.get(room_id)) is not None:
            return room
        task = self._opening.get(room_id)
        if task is None:
            assert self._group is not None  # noqa: S101  # sockets come only while running
            # Its failures are its waiters' business: a task group would end everything for one.
            task = asyncio.get_running_loop().create_task(self._open(room_id))
            self._opening[room_id] = task
            task.add_done_callback(lambda done: self._opened(room_id, done))
        return await asyncio.shield(task)

    def _opened(self, room_id: int, task: asyncio.Task[LiveRoom]) -> None:
        del self._opening[room_id]
        if not task.cancelled():
            task.exception()  # seen: each waiter gets it too

    async def _open(self, room_id: int) -> LiveRoom:
        rules = await self._sources.rules(room_id)
        if rules is None:
            raise NoRoomError
        room = LiveRoom(rules, info=Info(room=str(room_id)), gap_max_seconds=self._gap_max_seconds)
        room.empty_since = time.monotonic()
        await self.bus.subscribe(
            {
                room_key(room_id, "log"): partial(self._hear, room),
                room_key(room_id, "side"): partial(self._hear_side, room),
            }
        )
        try:
            read = await self.bus.read_log(room_id, None)
            room.restart(_readable(read.entries))
            # All of it before anything is awaited: what is heard meanwhile comes after it.
            self._perform(room, room.sequencer.start(read.epoch, read.offset))
            room.info = read.info or room.info
            if len(room.backfill()) < BACKFILL_MESSAGES:
                room.before = await self._sources.before(room_id, Position(read.epoch, room.first_offset))
        except BaseException:
            self._unsubscribe(room_id)
            raise
        self._rooms[room_id] = room
        if read.version > room.rules.version:
            self._refresh_soon(room)
        return room

    def _unsubscribe(self, room_id: int) -> None:
        self.bus.unsubscribe([room_key(room_id, "log"), room_key(room_id, "side")])

    def enter(self, socket: Socket, room: LiveRoom) -> Standing:
        """Seat a socket: it gets exactly what is delivered after the room's position of now."""
        standing = room.standing_of(socket, _now_ms())
        if socket not in self._sockets:
            return standing  # it was closed while its request waited
        audience = room.audience
        if room.id not in socket.rooms:
            if socket.identity is not None and not self._accounts.is_elsewhere_in(socket, room.id):
                audience.chatters += 1
            socket.rooms = (*socket.rooms, room.id) if socket.rooms else room.alone
        room.fanout.enter(socket)
        audience.tell(socket, standing)
        room.empty_since = None
        room.totals = room.totals.at_least(audience.counts())
        if self.is_draining:
            asyncio.get_running_loop().call_soon(self._ask_to_move, socket)
        return standing

    def leave(self, socket: Socket, room_id: int) -> None:
        """Take a socket out of a room; harmless where it is in none."""
        if room_id not in socket.rooms:
            return
        socket.rooms = tuple(other for other in socket.rooms if other != room_id)
        room = self._rooms[room_id]
        room.audience.remove(socket)
        if socket.identity is not None and not self._accounts.is_elsewhere_in(socket, room_id):
            room.audience.chatters -= 1
        if not room.audience:
            room.empty_since = time.monotonic()

    # -- saying --

    def say(
        self, room: LiveRoom, message: Message, *, slow_seconds: int, allowance: Allowance, judged_by: int
    ) -> "asyncio.Future[Published | Stale | Refusal]":
        """Publish a message and deliver it here without waiting for its echo; fails with AWAY within a second."""
        json = event_json(message)
        said = self._publisher.say(
            room.id,
            json,
            account_id=message.author.id,
            nonce=message.nonce,
            judged_by=judged_by,
            slow_seconds=slow_seconds,
            allowance=allowance,
            known=room.sequencer.position,
        )
        said.add_done_callback(partial(self._said, room, Heard(message, json)))
        return said

    def _said(self, room: LiveRoom, heard: Heard, said: "asyncio.Future[Published | Stale | Refusal]") -> None:
        if said.cancelled() or said.exception() is not None:
            return  # whoever waits for it answers
        result = said.result()
        if isinstance(result, Published) and not result.is_repeat and room.lacks(result.position):
            self._feed(room, result.position, heard)

    # -- following the log --

    def _hear(self, room: LiveRoom, data: bytes) -> None:
        epoch, offset, event = data.split(b":", 2)
        at = Position(epoch.decode(), int(offset))
        if room.lacks(at):
            self._feed(room, at, _read_event(event))

    def _feed(self, room: LiveRoom, at: Position, heard: Heard | None) -> None:
        self._perform(room, room.sequencer.feed(at.epoch, at.offset, heard))

    def _perform(self, room: LiveRoom, step: Step[Heard | None]) -> None:
        for offset, heard in step.released:
            self._deliver(room, offset, heard)
        if step.hole is not None or step.is_new_epoch:
            self._catch_up_soon(room)

    def _deliver(self, room: LiveRoom, offset: int, heard: Heard | None) -> None:
        if heard is None:
            return
        event, json = heard
        room.remember(Logged(offset, event))
        self._rounds.add(room.fanout, SharedEvent(str(room.id), room.position.epoch, offset, event, json))
        DELIVERED.inc()
        if event.changes_rules:
            self._refresh_soon(room)

    def _broadcast(self, room: LiveRoom, frame: Info | Reload) -> None:
        self._rounds.add(room.fanout, SharedFrame(frame))

    def _catch_up_soon(self, room: LiveRoom) -> None:
        if room.id not in self._catching_up:
            task = self.start(self._catch_up(room))
            self._catching_up[room.id] = task
            task.add_done_callback(lambda _: self._catching_up.pop(room.id, None))

    async def _catch_up(self, room: LiveRoom) -> None:
        """Read what is missing; where that is impossible, begin anew and say so."""
        known = room.sequencer.position
        read = await self.bus.read_log(room.id, known)
        if known is not None and _is_another_past(room, known, read):
            # A replica that lagged behind took over, and others went on from there: nobody may mix the two.
            read = await self.bus.read_log(room.id, Position(known.epoch, OFFSET_MAX))
        if known is not None and read.epoch == known.epoch:
            step = room.sequencer.fill(read.epoch, [(offset, _read_event(event)) for offset, event in read.entries])
            for offset, heard in step.released:
                self._deliver(room, offset, heard)
            if room.position.offset >= read.offset:
                return
        room.restart(_readable(read.entries))
        room.sequencer.pause()
        step = room.sequencer.start(read.epoch, read.offset)
        RELOADS.inc()
        _log.warning("chat_room_reloaded", room=room.id)
        self._broadcast(room, Reload(str(room.id), read.epoch))
        self._perform(room, step)
        await self.refresh_rules(room)

    def _on_restored(self, partitions: frozenset[int]) -> None:
        """These are heard again: whatever the silence swallowed is in the logs."""
        for room in self._rooms.values():
            if partition(room.id) in partitions:
                self._catch_up_soon(room)
        self.start(self._close_ended(self._sockets))

    async def _close_ended(self, sockets: Iterable[Socket]) -> None:
        """Close those of these sockets whose session's end was told while nobody heard."""
        by_session = {s.identity.session_id: s.identity.account_id for s in sockets if s.identity}
        for session_id in await self._sources.ended(list(by_session)) if by_session else ():
            self.close_account(by_session[session_id], session_id)

    # -- rules --

    def _refresh_soon(self, room: LiveRoom) -> None:
        """Many changes at once are read once more, not once each."""
        if room.id in self._refreshing:
            self._refreshing[room.id] = True
            return
        self._refreshing[room.id] = False
        self.start(self._refresh_until_quiet(room))

    def is_refreshing(self, room_id: int) -> bool:
        """The room was told of a change that its rules here do not show yet."""
        return room_id in self._refreshing

    async def _refresh_until_quiet(self, room: LiveRoom) -> None:
        try:
            is_due = True
            while is_due:
                self._refreshing[room.id] = False
                await self.refresh_rules(room)
                is_due = self._refreshing[room.id]
        finally:
            del self._refreshing[room.id]

    async def refresh_rules(self, room: LiveRoom) -> None:
        """Read the room's rules anew and tell everybody whose standing changed."""
        rules = await self._sources.rules(room.id)
        if rules is None or rules.version < room.rules.version:
            return
        for account_id in room.learn_rules(rules):
            self._tell_account(room, account_id)

    def _tell_account(self, room: LiveRoom, account_id: int) -> None:
        for socket in self._accounts.of(account_id):
            if room.id in socket.rooms:
                self._tell_standing(room, socket, room.audience.told(socket))

    def _tell_standing(self, room: LiveRoom, socket: Socket, before: Standing) -> None:
        standing = room.standing_of(socket, _now_ms())
        room.audience.tell(socket, standing)
        if standing != before and not socket.send(You(str(room.id), standing.role, standing.restriction)):
            self._close_slow(socket)

    # -- beside the log --

    def _hear_side(self, room: LiveRoom, data: bytes) -> None:
        try:
            room.info = read_info(data)
        except msgspec.DecodeError:
            _log.warning("room_info_unreadable", room=room.id)
            return
        self._broadcast(room, self.info_of(room))

    def info_of(self, room: LiveRoom) -> Info:
        """What is true of the room now, with its counts."""
        return msgspec.structs.replace(room.info, viewers=room.totals.viewers, chatters=room.totals.chatters)

    async def _beat(self) -> None:
        totals = await self._presence.write({room.id: room.audience.counts() for room in self._rooms.values()})
        for room_id, counts in totals.items():
            room = self._rooms.get(room_id)
            if room is not None:
                room.totals = counts
                if room.told != counts:
                    room.told = counts
                    self._broadcast(room, self.info_of(room))

    async def _sweep(self) -> None:
        self.sweep(time.time(), time.monotonic())

    def sweep(self, now: float, tick: float) -> None:
        """Make guests of members whose token is long over, end timeouts, close rooms that stayed empty."""
        for socket in self._accounts.expired(now - EXPIRY_GRACE_SECONDS):
            self.identify(socket, None)
        for account_id in [one for one, told in self._ended.items() if tick - told > ENDED_HOLDS_SECONDS]:
            del self._ended[account_id]
        for room in list(self._rooms.values()):
            if room.empty_since is not None and tick - room.empty_since > KEEP_EMPTY_SECONDS:
                del self._rooms[room.id]
                self._unsubscribe(room.id)
                continue
            for account_id in room.ended_timeouts(int(now * 1000)):
                self._tell_account(room, account_id)

    async def _check(self) -> None:
        """Find what no message told: a position that fell behind, rules that changed."""
        rooms = list(self._rooms.values())
        heads = await asyncio.gather(*(self.bus.read_head(room.id) for room in rooms), return_exceptions=True)
        for room, head in zip(rooms, heads, strict=True):
            if isinstance(head, Position) and head != room.position:
                self._catch_up_soon(room)
        if not rooms:
            return
        versions = await self._sources.versions([room.id for room in rooms])
        for room in rooms:
            if versions.get(room.id, 0) > room.rules.version:
                await self.refresh_rules(room)

    # -- leaving --

    async def drain(self, spread_ms: int, deadline_seconds: float) -> None:
        """Ask every socket to come back elsewhere, each after its own while, then close who stayed."""
        self.is_draining = True
        self._drain_spread_ms = spread_ms
        for socket in list(self._sockets):
            self._ask_to_move(socket)
        ends = time.monotonic() + deadline_seconds
        while self._sockets and time.monotonic() < ends:  # noqa: ASYNC110  # once in a process's life, and bounded
            await asyncio.sleep(0.05)
        self._close_all(list(self._sockets))

    def _ask_to_move(self, socket: Socket) -> None:
        socket.send(Reconnect(random.randint(0, self._drain_spread_ms)))  # noqa: S311  # jitter

    def _close_all(self, sockets: Iterable[Socket]) -> None:
        for socket in sockets:
            self._close(socket, Close.RESTART, "this process restarts")


async def _logged(work: Awaitable[None]) -> None:
    """The top of a background task: its failure is logged, and the next round tries again."""
    try:
        await work
    except AWAY as error:
        _log.warning("chat_source_away", error=type(error).__name__)
    except Exception:  # noqa: BLE001  # the top of a task
        _log.exception("chat_background_failed")


def _count_passed(frames: list[Shared]) -> None:
    WRITES.inc()
    now = time.time()
    for frame in frames:
        if frame.at_ms is not None:
            DELIVER_SECONDS.observe(max(0.0, now - frame.at_ms / 1000))


def _read_event(data: bytes) -> Heard | None:
    """The event; None for one of a newer version of ours, while processes are replaced one by one."""
    try:
        return Heard(_event_in.decode(data), data)
    except msgspec.DecodeError:
        _log.warning("chat_event_unreadable")
        return None


def _is_another_past(room: LiveRoom, known: Position, read: LogRead) -> bool:
    heard = None if read.at_known is None else _read_event(read.at_known)
    return heard is not None and room.contradicts(known.offset, heard.event)


def _readable(entries: Iterable[tuple[int, bytes]]) -> list[Logged]:
    read = ((offset, _read_event(event)) for offset, event in entries)
    return [Logged(offset, heard.event) for offset, heard in read if heard is not None]


def _now_ms() -> int:
    return int(time.time() * 1000)
