"""One socket's conversation: reads its frames one after the other and answers each; `docs/wire.md` tells it whole."""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

import msgspec
import structlog

from chat.audience import Identity, Socket
from chat.availability import AWAY
from chat.codes import Close, Code
from chat.history import ArchiveBehindError, Moderation, Page
from chat.hub import Hub, NoRoomError
from chat.live_room import LiveRoom
from chat.publisher import Published, Stale, unavailable
from chat.ratelimit import FRAMES, MODERATOR, Bucket, allowance_of
from chat.room import Commands, Done, Position, Refusal, Say, judge
from chat.text import normalise
from chat.wire import (
    BACKFILL_MESSAGES,
    NONCE_MAX_CHARS,
    ROOMS_MAX,
    Ack,
    Author,
    ClientFrame,
    Encoding,
    Hello,
    History,
    Join,
    Joined,
    Leave,
    Left,
    Message,
    Older,
    Ping,
    Pong,
    Refused,
    Send,
    ServerFrame,
    Welcome,
    decode,
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

HELLO_SECONDS = 5.0
PING_SECONDS = 25
"""How often a client should ping; the server's own WebSocket pings find dead peers."""
FOLLOW_HOLDS_SECONDS = 10.0
"""How long the age of a follow is believed."""
STALE_TURNS = 3

_NONCE = re.compile(rf"[A-Za-z0-9_.:-]{{1,{NONCE_MAX_CHARS}}}")
_ROOM = re.compile(r"[1-9][0-9]{0,17}")


class TokenRefusedError(Exception):
    """The token is malformed, forged or revoked, or its account may not come in."""


class TokenExpiredError(Exception):
    """The token was good once: renew it and say hello again."""


class Archived(Protocol):
    """Reads a page of the archive; `chat.history.archived_page` tells more."""

    def __call__(
        self, room_id: int, position: Position, moderation: Moderation, limit: int, *, must_touch: bool
    ) -> Awaitable[Page]:
        """Visible messages before the position.  Raises: ArchiveBehindError."""


@dataclass(frozen=True, slots=True)
class Doors:
    """What a session asks of the server."""

    identify: Callable[[str], Awaitable[Identity]]
    """Whom a token stands for.  Raises: TokenExpiredError, TokenRefusedError."""
    followed_since_ms: Callable[[int, int], Awaitable[int | None]]
    """Since when this account follows this channel."""
    archived: Archived
    commands: Commands


@dataclass(frozen=True, slots=True)
class Ended:
    """The conversation is over, with this close code."""

    code: Close
    reason: str


class Session:
    """The conversation with one socket."""

    def __init__(
        self, hub: Hub, doors: Doors, socket: Socket, receive: Callable[[], Awaitable[bytes | str | None]]
    ) -> None:
        self._hub = hub
        self._doors = doors
        self._socket = socket
        self._receive = receive
        self._id = secrets.token_hex(8)
        self._has_said_hello = False
        self._frames = Bucket(FRAMES, time.monotonic())
        self._commands = Bucket(MODERATOR, time.monotonic())
        self._follows: dict[int, tuple[float, int | None]] = {}

    async def run(self) -> None:
        """Converse until either side ends it."""
        self._hub.connect(self._socket)
        try:
            ended = await self._converse()
            if ended is not None:
                self._socket.outlet.close(ended.code, ended.reason)
        finally:
            self._hub.disconnect(self._socket)

    async def _converse(self) -> Ended | None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                while not self._has_said_hello:
                    data = await self._receive()
                    if data is None:
                        return None
                    if (ended := await self._take(data)) is not None:
                        return ended
        except TimeoutError:
            return Ended(Close.NO_HELLO, "no hello within 5 s")
        while (data := await self._receive()) is not None:
            if (ended := await self._take(data)) is not None:
                return ended
        return None

    async def _take(self, data: bytes | str) -> Ended | None:
        if not self._frames.take(time.monotonic()):
            return Ended(Close.FLOOD, "too many frames")
        if isinstance(data, str) != (self._socket.encoding is Encoding.JSON):
            return Ended(Close.BAD_FRAME, "text frames carry JSON, binary ones MessagePack")
        try:
            frame = decode(data, self._socket.encoding)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return Ended(Close.BAD_FRAME, str(error)[:100])
        if isinstance(frame, Hello):
            return await self._hello(frame)
        if not self._has_said_hello:
            return Ended(Close.HELLO_FIRST, "say hello first")
        reply = await self._answer(frame)
        if reply is not None and not self._socket.send(reply):
            return Ended(Close.SLOW, "you read too slowly: come back and recover")
        return None

    # -- hello --

    async def _hello(self, frame: Hello) -> Ended | None:
        identity = None
        if frame.token is not None:
            try:
                identity = await self._doors.identify(frame.token)
            except TokenExpiredError:
                self._socket.send(Refused(frame.id, Code.TOKEN_EXPIRED, "The token has expired: renew it."))
                return None
            except TokenRefusedError:
                return Ended(Close.BAD_TOKEN, "this token does not stand")
            except AWAY as error:
                self._socket.send(_refused(frame.id, _away(error)))
                return None
        self._has_said_hello = True
        self._hub.identify(self._socket, identity)
        self._follows.clear()
        now = time.time()
        welcome = Welcome(
            frame.id,
            self._id,
            int(now * 1000),
            PING_SECONDS,
            account=Author(identity.account_id, identity.name) if identity else None,
            expires_in_seconds=max(0, int(identity.expires_at - now)) if identity else None,
        )
        self._socket.send(welcome)
        return None

    # -- requests --

    async def _answer(self, frame: ClientFrame) -> ServerFrame | None:
        try:
            match frame:
                case Join():
                    return await self._join(frame)
                case Leave():
                    return self._leave(frame)
                case Send():
                    return await self._send(frame)
                case Older():
                    return await self._older(frame)
                case Ping():
                    return Pong(frame.id)
                case Hello():  # pragma: no cover  # `_take` keeps it
                    return None
                case _ as never:
                    assert_never(never)
        except AWAY as error:
            nonce = frame.nonce if isinstance(frame, Send) else None
            return _refused(frame.id, _away(error), _room_of(frame), nonce)

    async def _join(self, frame: Join) -> Joined | Refused | None:
        if _ROOM.fullmatch(frame.room) is None:
            return _refused(frame.id, _no_room(), frame.room)
        room_id = int(frame.room)
        if room_id not in self._socket.rooms and len(self._socket.rooms) >= ROOMS_MAX:
            refusal = Refusal(Code.TOO_MANY_ROOMS, f"One connection enters at most {ROOMS_MAX} rooms.")
            return _refused(frame.id, refusal, frame.room)
        try:
            room = await self._hub.open_room(room_id)
        except NoRoomError:
            return _refused(frame.id, _no_room(), frame.room)
        # From here to the offer nothing is awaited, so that no event falls between backfill and seat.
        missed = None
        if frame.epoch is not None and frame.offset is not None:
            missed = room.missed_since(Position(frame.epoch, frame.offset))
        seat = self._hub.enter(self._socket, room)
        joined = Joined(
            frame.id,
            frame.room,
            room.position.epoch,
            room.position.offset,
            room.backfill() if missed is None else missed,
            recovered=missed is not None,
            role=seat.role,
            modes=room.board.modes,
            restriction=seat.restriction,
            chatters=room.totals.chatters,
            viewers=room.totals.viewers,
        )
        if self._socket.send(joined):
            self._socket.send(self._hub.info_of(room))
            return None
        return joined  # too slow: offered once more in vain, and the session ends

    def _leave(self, frame: Leave) -> Left | Refused:
        room = self._room(frame.room)
        if room is None:
            return _refused(frame.id, _not_joined(), frame.room)
        self._hub.leave(self._socket, room.id)
        return Left(frame.id, frame.room)

    async def _older(self, frame: Older) -> History | Refused:
        room = self._room(frame.room)
        if room is None:
            return _refused(frame.id, _not_joined(), frame.room)
        limit = min(max(frame.limit, 1), BACKFILL_MESSAGES)
        recent, moderation, reached = room.older(Position(frame.epoch, frame.offset), limit)
        if len(recent) == limit or moderation.is_cleared:
            return History(frame.id, frame.room, recent, complete=moderation.is_cleared and len(recent) < limit)
        is_touching = reached.epoch == room.position.epoch
        try:
            page = await self._doors.archived(room.id, reached, moderation, limit - len(recent), must_touch=is_touching)
        except ArchiveBehindError:
            return _refused(frame.id, unavailable(), frame.room)
        return History(frame.id, frame.room, page.events + recent, complete=page.is_complete)

    def _room(self, name: str) -> LiveRoom | None:
        """The room of this name, if the socket is in it."""
        if _ROOM.fullmatch(name) is None or int(name) not in self._socket.rooms:
            return None
        return self._hub.room(int(name))

    # -- saying --

    async def _send(self, frame: Send) -> Ack | Refused:
        room, identity = self._room(frame.room), self._socket.identity
        if room is None:
            return _refused(frame.id, _not_joined(), frame.room, frame.nonce)
        if identity is None:
            refusal = Refusal(Code.SIGN_IN, "Sign in to chat.")
            return _refused(frame.id, refusal, frame.room, frame.nonce)
        result = await self._said(room, identity, frame)
        if isinstance(result, Refusal):
            return _refused(frame.id, result, frame.room, frame.nonce)
        place = result.position or Position("", 0)
        return Ack(frame.id, frame.room, frame.nonce, place.epoch, place.offset, result.text)

    async def _said(self, room: LiveRoom, identity: Identity, frame: Send) -> Done | Refusal:
        if _NONCE.fullmatch(frame.nonce) is None:
            message = f"A nonce is 1 to {NONCE_MAX_CHARS} letters, digits or _.:-"
            return Refusal(Code.BAD_NONCE, message, field="nonce")
        text = normalise(frame.text)
        if isinstance(text, Refusal):
            return text
        say = Say(text)
        if text.startswith("/"):
            if not self._commands.take(time.monotonic()):
                wait_ms = MODERATOR.refill_ms
                return Refusal(
                    Code.RATE_LIMITED, "Too many commands; wait a moment.", is_temporary=True, retry_after_ms=wait_ms
                )
            by = Author(identity.account_id, identity.name, room.rules.role_of(identity.account_id))
            result = await self._doors.commands(room.rules, by, text, frame.nonce, is_staff=identity.is_staff)
            if not isinstance(result, Say):
                return result
            say = result
        return await self._publish(room, identity, say, frame.nonce)

    async def _publish(self, room: LiveRoom, identity: Identity, say: Say, nonce: str) -> Done | Refusal:
        """Judge and publish; a verdict that the room's newest rules overtook is passed again by those."""
        at_least = 0
        for _ in range(STALE_TURNS):
            rules, now_ms = room.rules, int(time.time() * 1000)
            followed = await self._followed_since(room)
            refusal = judge(rules, identity.account_id, followed, now_ms, is_staff=identity.is_staff)
            if refusal is not None:
                return refusal
            role = rules.role_of(identity.account_id)
            author = Author(identity.account_id, identity.name, role)
            message = Message(secrets.token_hex(8), now_ms, author, say.text, say.is_me, nonce)
            result = await self._hub.say(
                room,
                message,
                slow_seconds=0 if identity.is_staff else rules.slow_seconds_for(role),
                allowance=MODERATOR if identity.is_staff else allowance_of(role),
                # What the room heard of was committed before, so rules read since then are as new, whatever they count.
                judged_by=max(rules.version, at_least),
            )
            match result:
                case Published():
                    return Done(position=result.position)
                case Refusal():
                    return result
                case Stale(at_least):
                    await self._hub.refresh_rules(room)
                case _ as never:
                    assert_never(never)
        return unavailable()

    async def _followed_since(self, room: LiveRoom) -> int | None:
        """Since when this account follows the channel; asked only where the room's mode wants to know."""
        account_id = self._socket.account_id
        if room.rules.followers_only_seconds is None or account_id is None:
            return None
        held = self._follows.get(room.id)
        if held is not None and time.monotonic() < held[0]:
            return held[1]
        since = await self._doors.followed_since_ms(room.id, account_id)
        if since is not None:  # a fresh follow counts at once
            self._follows[room.id] = (time.monotonic() + FOLLOW_HOLDS_SECONDS, since)
        return since


def _refused(frame_id: int, refusal: Refusal, room: str | None = None, nonce: str | None = None) -> Refused:
    return Refused(
        frame_id,
        refusal.code,
        refusal.message,
        refusal.is_temporary,
        refusal.retry_after_ms,
        refusal.field,
        room[:64] if room else None,
        nonce[:NONCE_MAX_CHARS] if nonce else None,
    )


def _room_of(frame: ClientFrame) -> str | None:
    return frame.room if isinstance(frame, Join | Leave | Send | Older) else None


def _away(error: Exception) -> Refusal:
    _log.warning("chat_request_unavailable", error=type(error).__name__)
    return unavailable()


def _no_room() -> Refusal:
    return Refusal(Code.NO_ROOM, "There is no such room.", field="room")


def _not_joined() -> Refusal:
    return Refusal(Code.NOT_JOINED, "Enter the room first.", field="room")
