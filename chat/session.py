"""One socket's conversation: takes its frames one after the other and answers each; `docs/wire.md` tells it whole.

A session has no task of its own: quick requests are answered inside `take`, and what has to wait is a future that
`take` returns, until whose end the outlet brings no other frame.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, assert_never

import msgspec
import structlog

from chat.audience import Identity, Socket
from chat.availability import AWAY
from chat.codes import Close, Code
from chat.history import ArchiveBehindError, Moderation, Page
from chat.hub import Hub, NoRoomError
from chat.live_room import LiveRoom
from chat.publisher import unavailable
from chat.ratelimit import FRAMES, HELLOS, JOINS, PAGES, Allowance, spend
from chat.refusals import no_room, not_joined, refused, too_many_rooms, too_often
from chat.room import Commands, Position, Refusal
from chat.speaker import Floor, Speaker, settle
from chat.wire import (
    BACKFILL_MESSAGES,
    ROOMS_MAX,
    Author,
    ClientFrame,
    Encoding,
    Hello,
    History,
    Join,
    Joined,
    Leave,
    Left,
    Logged,
    Older,
    Ping,
    Pong,
    Send,
    ServerFrame,
    Welcome,
    decode,
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

HELLO_SECONDS = 5.0
PING_SECONDS = 25
"""How often a client should ping; the server's own WebSocket pings find dead peers."""

_ROOM = re.compile(r"[1-9][0-9]{0,17}")


class TokenRefusedError(Exception):
    """The token is malformed, forged or revoked, or its account may not come in."""


class TokenExpiredError(Exception):
    """The token was good once: renew it and say hello again."""


class Archived(Protocol):
    """Reads a page of the archive; `chat.history.archived_page` tells more."""

    def __call__(
        self, room_id: int, position: Position, edge: Position, moderation: Moderation, limit: int
    ) -> Awaitable[Page]:
        """Visible messages before the position; from the edge on the caller knows the log.

        Raises:
            ArchiveBehindError: something before the edge is not archived yet.
        """


@dataclass(frozen=True, slots=True)
class Doors:
    """What a session asks of the server."""

    identify: Callable[[Hello], "asyncio.Future[Identity]"]
    """Whom a hello's ticket or token stands for.

    Raises, or the future fails with: TokenExpiredError, TokenRefusedError; the future alone: AWAY.
    """
    ticket: Callable[[Identity], str]
    """What this identity may come back with instead of its token."""
    followed_since_ms: Callable[[int, int], Awaitable[int | None]]
    """Since when this account follows this channel."""
    archived: Archived
    commands: Commands


class Session:
    """The conversation with one socket; `chat.outlet.Conversation`."""

    __slots__ = (
        "_doors",
        "_frames_full_at",
        "_has_said_hello",
        "_hellos_full_at",
        "_hub",
        "_joins_full_at",
        "_pages_full_at",
        "_socket",
        "_speaker",
    )

    def __init__(self, hub: Hub, doors: Doors, socket: Socket) -> None:
        self._hub = hub
        self._doors = doors
        self._socket = socket
        self._has_said_hello = False
        self._speaker: Speaker | None = None
        self._frames_full_at = self._hellos_full_at = self._joins_full_at = self._pages_full_at = 0.0
        hub.connect(socket)
        socket.outlet.set_deadline(HELLO_SECONDS, Close.NO_HELLO, "no hello within 5 s")

    def lost(self) -> None:
        """The connection is gone.  What still runs for it ends by itself, and its answers go nowhere."""
        self._hub.disconnect(self._socket)
        self._speaker = None  # it answers through us: only the collector of cycles would free the two

    def take(self, data: bytes | str) -> "asyncio.Future[Any] | None":
        """Answer one frame; a future: not yet, and nothing else may come before it is done."""
        full_at = spend(FRAMES, self._frames_full_at, time.monotonic())
        if full_at is None:
            self._end(Close.FLOOD, "too many frames")
            return None
        self._frames_full_at = full_at
        encoding = self._socket.encoding
        if isinstance(data, str) is not (encoding is Encoding.JSON):
            self._end(Close.BAD_FRAME, "text frames carry JSON, binary ones MessagePack")
            return None
        try:
            frame = decode(data, encoding)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            self._end(Close.BAD_FRAME, str(error)[:100])
            return None
        if isinstance(frame, Hello):
            return self._hello(frame)
        if not self._has_said_hello:
            self._end(Close.HELLO_FIRST, "say hello first")
            return None
        return self._answer(frame)

    def _end(self, code: Close, reason: str) -> None:
        self._socket.outlet.close(code, reason)
        self._hub.disconnect(self._socket)

    def _reply(self, reply: ServerFrame) -> None:
        if not self._socket.send(reply):
            self._end(Close.SLOW, "you read too slowly: come back and recover")

    def _refuse(self, frame: ClientFrame, refusal: Refusal) -> None:
        self._reply(refused(frame, refusal))

    def _spend(self, frame: ClientFrame, allowance: Allowance, full_at: float) -> float | None:
        """What the bucket is after this request; None: it was empty, and the request was refused."""
        tick = time.monotonic()
        spent = spend(allowance, full_at, tick)
        if spent is None:
            self._refuse(frame, too_often(allowance, full_at, tick))
        return spent

    def _later(self, frame: ClientFrame, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Answer in a task of the hub's; the top of that request."""

        async def answer() -> None:
            try:
                await work
            except AWAY as error:
                self._refuse(frame, _away(error))
            except Exception:  # noqa: BLE001  # the top of a task
                _log.exception("chat_request_failed", request=type(frame).__name__)
                self._refuse(frame, unavailable())

        return self._hub.start(answer())

    # -- hello --

    def _hello(self, frame: Hello) -> "asyncio.Future[Any] | None":
        full_at = self._spend(frame, HELLOS, self._hellos_full_at)
        if full_at is None:
            return None
        self._hellos_full_at = full_at
        if frame.token is None and frame.ticket is None:
            self._greet(frame, None)
            return None
        try:
            asked = self._doors.identify(frame)
        except (TokenExpiredError, TokenRefusedError) as error:
            self._turn_away(frame, error)
            return None
        asked.add_done_callback(partial(self._identified, frame))
        # The outlet closes for a future that fails; a look-up that fails is answered, and the socket goes on.
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked.add_done_callback(lambda _: settle(answered))
        return answered

    def _identified(self, frame: Hello, asked: "asyncio.Future[Identity]") -> None:
        if asked.cancelled():
            self._refuse(frame, unavailable())
        elif (error := asked.exception()) is not None:
            self._turn_away(frame, error)
        else:
            self._greet(frame, asked.result())

    def _turn_away(self, frame: Hello, error: BaseException) -> None:
        match error:
            case TokenExpiredError():
                self._refuse(frame, Refusal(Code.TOKEN_EXPIRED, "The token has expired: renew it."))
            case TokenRefusedError():
                self._end(Close.BAD_TOKEN, "this token does not stand")
            case _:
                if not isinstance(error, AWAY):
                    _log.error("chat_hello_failed", exc_info=error)
                self._refuse(frame, _away(error))

    def _greet(self, frame: Hello, identity: Identity | None) -> None:
        if not self._has_said_hello:
            self._has_said_hello = True
            self._socket.outlet.clear_deadline()
        if self._socket.account_id != (identity.account_id if identity else None):
            self._speaker = None  # what it knows is of another account
        self._hub.identify(self._socket, identity)
        now = time.time()
        welcome = Welcome(
            frame.id,
            f"{random.getrandbits(64):016x}",  # a name for logs
            int(now * 1000),
            PING_SECONDS,
            account=Author(identity.account_id, identity.name) if identity else None,
            expires_in_seconds=max(0, int(identity.expires_at - now)) if identity else None,
            ticket=self._doors.ticket(identity) if identity else None,
        )
        self._reply(welcome)

    # -- requests --

    def _answer(self, frame: Join | Leave | Send | Older | Ping) -> "asyncio.Future[Any] | None":
        match frame:
            case Send():
                return self._send(frame)
            case Join():
                return self._join(frame)
            case Ping():
                self._reply(Pong(frame.id))
                return None
            case Leave():
                self._leave(frame)
                return None
            case Older():
                return self._older(frame)
            case _ as never:
                assert_never(never)

    def _room(self, name: str) -> LiveRoom | None:
        """The room of this name, if the socket is in it."""
        if _ROOM.fullmatch(name) is None or int(name) not in self._socket.rooms:
            return None
        return self._hub.room(int(name))

    def _join(self, frame: Join) -> "asyncio.Future[Any] | None":
        full_at = self._spend(frame, JOINS, self._joins_full_at)
        if full_at is None:
            return None
        self._joins_full_at = full_at
        if _ROOM.fullmatch(frame.room) is None:
            self._refuse(frame, no_room())
            return None
        room_id = int(frame.room)
        if room_id not in self._socket.rooms and len(self._socket.rooms) >= ROOMS_MAX:
            self._refuse(frame, too_many_rooms())
            return None
        room = self._hub.room(room_id)
        if room is not None:
            self._enter(frame, room)
            return None
        return self._later(frame, self._open(frame, room_id))

    async def _open(self, frame: Join, room_id: int) -> None:
        try:
            room = await self._hub.open_room(room_id)
        except NoRoomError:
            self._refuse(frame, no_room())
        else:
            self._enter(frame, room)

    def _enter(self, frame: Join, room: LiveRoom) -> None:
        # Nothing is awaited here, so that no event falls between backfill and seat.
        known = None
        if frame.epoch is not None and frame.offset is not None:
            known = Position(frame.epoch, frame.offset)
        past = room.past(known, self._socket.encoding)
        seat = self._hub.enter(self._socket, room)
        joined = Joined(
            frame.id,
            frame.room,
            room.position.epoch,
            room.position.offset,
            past.events,
            recovered=past.is_recovered,
            role=seat.role,
            modes=room.board.modes,
            pinned=room.board.pinned,
            restriction=seat.restriction,
            chatters=room.totals.chatters,
            viewers=room.totals.viewers,
        )
        self._reply(joined)
        self._reply(self._hub.info_of(room))

    def _leave(self, frame: Leave) -> None:
        room = self._room(frame.room)
        if room is None:
            self._refuse(frame, not_joined())
        else:
            self._hub.leave(self._socket, room.id)
            self._reply(Left(frame.id, frame.room))

    def _older(self, frame: Older) -> "asyncio.Future[Any] | None":
        full_at = self._spend(frame, PAGES, self._pages_full_at)
        if full_at is None:
            return None
        self._pages_full_at = full_at
        room = self._room(frame.room)
        if room is None:
            self._refuse(frame, not_joined())
            return None
        limit = min(max(frame.limit, 1), BACKFILL_MESSAGES)
        recent, moderation, reached = room.older(Position(frame.epoch, frame.offset), limit)
        if len(recent) == limit or moderation.is_cleared:
            is_complete = moderation.is_cleared and len(recent) < limit
            self._reply(History(frame.id, frame.room, recent, complete=is_complete))
            return None
        return self._later(frame, self._read_archive(frame, room.edge, recent, moderation, reached))

    async def _read_archive(
        self,
        frame: Older,
        edge: Position,
        recent: list[Logged],
        moderation: Moderation,
        reached: Position,
    ) -> None:
        missing = min(max(frame.limit, 1), BACKFILL_MESSAGES) - len(recent)
        try:
            page = await self._doors.archived(int(frame.room), reached, edge, moderation, missing)
        except ArchiveBehindError:
            self._refuse(frame, unavailable())
        else:
            self._reply(History(frame.id, frame.room, page.events + recent, complete=page.is_complete))

    def _send(self, frame: Send) -> "asyncio.Future[Any] | None":
        room = self._room(frame.room)
        if room is None:
            self._refuse(frame, not_joined())
            return None
        if self._speaker is None:
            doors = self._doors
            self._speaker = Speaker(Floor(self._hub, doors.commands, doors.followed_since_ms, self._reply, self._later))
        return self._speaker.say(frame, room, self._socket.identity)


def _away(error: BaseException) -> Refusal:
    _log.warning("chat_request_unavailable", error=type(error).__name__)
    return unavailable()
