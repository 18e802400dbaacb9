"""The chat wire: one schema, two encodings (`leams.v1.json`, `leams.v1.msgpack`).  Pure.

Every frame is a map tagged by `t`; a room is named by the channel's id; times are Unix milliseconds.
Fields that are null or at their default are left out on the wire.  `docs/wire.md` tells the conversation.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal, Protocol, get_args

import msgspec

FRAME_MAX_BYTES = 16 * 1024
"""A frame from a client; the longest legal one, a `send` of 500 four-byte characters, is under 3 kB."""
TEXT_MAX_CHARS = 500
NONCE_MAX_CHARS = 64
ROOMS_MAX = 100
"""Rooms one socket may join."""
BACKFILL_MESSAGES = 50

Role = Literal["owner", "moderator", "vip", "member", "guest"]
Colour = Literal["primary", "blue", "green", "orange", "purple"]
"""Of an announcement; `primary` is the page's own."""


class Encoding(StrEnum):
    """The negotiated subprotocol."""

    JSON = "leams.v1.json"
    MSGPACK = "leams.v1.msgpack"


class _Frame(msgspec.Struct, frozen=True, tag_field="t", omit_defaults=True, forbid_unknown_fields=False):
    """A frame; unknown fields are passed over, so that a newer peer may say more."""


# -- what a client sends --


class Hello(_Frame, frozen=True, tag="hello"):
    """The first frame, and again whenever the access token was renewed; without token and ticket: a guest, who reads.

    A ticket stands for the token that it was given for; where it doesn't, the token is looked at, if there is one.
    """

    id: int
    token: str | None = None
    client: str = ""
    ticket: str | None = None


class Join(_Frame, frozen=True, tag="join"):
    """Enter a room; with a position: recover what was missed since."""

    id: int
    room: str
    epoch: str | None = None
    offset: int | None = None


class Leave(_Frame, frozen=True, tag="leave"):
    """Leave a room."""

    id: int
    room: str


class Send(_Frame, frozen=True, tag="send"):
    """Say something, or command (`/timeout …`); the nonce makes a repeated send harmless."""

    id: int
    room: str
    nonce: str
    text: str


class Older(_Frame, frozen=True, tag="older"):
    """Ask for up to `limit` messages before `offset` of `epoch`."""

    id: int
    room: str
    epoch: str
    offset: int
    limit: int = BACKFILL_MESSAGES


class Ping(_Frame, frozen=True, tag="ping"):
    """Is anybody there?"""

    id: int


ClientFrame = Hello | Join | Leave | Send | Older | Ping


# -- the room's log: every event has (epoch, offset) and the same order for everybody --


class Author(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who said or did it, as they were at that time."""

    id: int
    name: str
    role: Role = "member"


class Said(Protocol):
    """What somebody said, wherever it is told."""

    @property
    def id(self) -> str:
        """The message's id."""

    @property
    def author(self) -> Author:
        """Who said it."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Which earlier lines an event removes: one, all of one account, or (neither is set) all."""

    message_id: str | None = None
    account_id: int | None = None

    def hits(self, said: Said) -> bool:
        """Is this earlier line among them?"""
        if self.message_id is None and self.account_id is None:
            return True
        return self.message_id == said.id or self.account_id == said.author.id


class _Event(_Frame, frozen=True):
    """An event of the log.  It says itself what it does besides being told; by default that is nothing."""

    changes_rules: ClassVar[bool] = False
    """Every process reads the room's rules anew, and what was judged by older ones is judged again."""

    @property
    def removal(self) -> Removal | None:
        """The earlier lines that it removes."""
        return None

    @property
    def shown(self) -> Said | None:
        """The line whose text it carries: with that removed, the event is told to nobody any more."""
        return None


class Line(_Event, frozen=True):
    """Something said.  The backfill and the pages of the past are made of lines, and each is removable."""

    id: str
    at_ms: int
    author: Author
    text: str

    @property
    def shown(self) -> "Line":
        """Itself."""
        return self


class _AccountEvent(_Event, frozen=True):
    """An event about an account's standing in the room."""

    at_ms: int
    account_id: int
    name: str

    changes_rules: ClassVar[bool] = True


class Message(Line, frozen=True, tag="message"):
    """Somebody said something; `me` marks `/me`."""

    me: bool = False
    nonce: str = ""
    """The sender's nonce, by which the sender's own page finds its pending line."""


class Announced(Line, frozen=True, tag="announcement"):
    """The owner, a moderator or the site's staff said something that everybody should see: it is shown set off."""

    colour: Colour = "primary"


class Deleted(_Event, frozen=True, tag="deleted"):
    """One message was removed by a moderator."""

    at_ms: int
    message_id: str
    by: Author

    @property
    def removal(self) -> Removal:
        """The one."""
        return Removal(message_id=self.message_id)


class UserCleared(_AccountEvent, frozen=True, tag="user_cleared"):
    """All messages of one account so far are removed: it was timed out (`seconds`) or banned (no `seconds`)."""

    by: Author
    seconds: int | None = None
    reason: str = ""

    @property
    def removal(self) -> Removal:
        """Everything that the account said."""
        return Removal(account_id=self.account_id)


class UserRestored(_AccountEvent, frozen=True, tag="user_restored"):
    """A timeout or ban was lifted."""

    by: Author


class RoomCleared(_Event, frozen=True, tag="room_cleared"):
    """All messages so far are removed."""

    at_ms: int
    by: Author

    @property
    def removal(self) -> Removal:
        """All."""
        return Removal()


class ModesChanged(_Event, frozen=True, tag="modes"):
    """The room's modes as they are from here on."""

    at_ms: int
    by: Author
    slow_seconds: int = 0
    followers_only_seconds: int | None = None

    changes_rules: ClassVar[bool] = True


class RoleChanged(_AccountEvent, frozen=True, tag="role"):
    """An account has another role from here on."""

    role: Role
    by: Author


class Quote(msgspec.Struct, frozen=True):
    """A line as it is told elsewhere than in its place."""

    id: str
    at_ms: int
    author: Author
    text: str


class Pinned(_Event, frozen=True, tag="pinned"):
    """A line stands over the room from here on, in place of any other, until it is unpinned or removed."""

    at_ms: int
    by: Author
    message: Quote

    changes_rules: ClassVar[bool] = True

    @property
    def shown(self) -> Quote:
        """The line."""
        return self.message


class Unpinned(_Event, frozen=True, tag="unpinned"):
    """Nothing stands over the room from here on."""

    at_ms: int
    by: Author

    changes_rules: ClassVar[bool] = True


Event = (
    Message
    | Announced
    | Deleted
    | UserCleared
    | UserRestored
    | RoomCleared
    | ModesChanged
    | RoleChanged
    | Pinned
    | Unpinned
)

REMOVING_KINDS = tuple(
    str(kind.__struct_config__.tag) for kind in get_args(Event) if kind.removal is not _Event.removal
)
"""The tags of the events that remove lines, for whoever asks the archive."""


# -- what the server sends --


class Logged(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event at its place in the log; `epoch` only where it is not the one of the frame around (or asked about)."""

    offset: int
    event: Event
    epoch: str = ""


class Welcome(_Frame, frozen=True, tag="welcome"):
    """The answer to `hello`."""

    id: int
    session: str
    server_time_ms: int
    ping_seconds: int
    account: Author | None = None
    expires_in_seconds: int | None = None
    frame_max_bytes: int = FRAME_MAX_BYTES
    text_max_chars: int = TEXT_MAX_CHARS
    ticket: str | None = None
    """To come back with after a lost connection, for as long as the access token holds."""


class Restriction(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why this member may not speak now."""

    code: str
    until_ms: int | None = None
    reason: str = ""


class Modes(msgspec.Struct, frozen=True, omit_defaults=True):
    """The room's modes."""

    slow_seconds: int = 0
    followers_only_seconds: int | None = None


class Joined(_Frame, frozen=True, tag="joined"):
    """The answer to `join`: `offset` is the position after `events`.

    `recovered` true: `events` is exactly what was missed.
    False: forget the room's old lines, `events` is the backfill.
    """

    id: int
    room: str
    epoch: str
    offset: int
    events: list[Logged]
    recovered: bool = False
    role: Role = "guest"
    modes: Modes = Modes()
    restriction: Restriction | None = None
    chatters: int = 0
    viewers: int = 0
    pinned: Pinned | None = None


class Left(_Frame, frozen=True, tag="left"):
    """The answer to `leave`."""

    id: int
    room: str


class History(_Frame, frozen=True, tag="history"):
    """The answer to `older`, oldest first; `complete` when nothing lies before it."""

    id: int
    room: str
    events: list[Logged]
    complete: bool = False


class Ack(_Frame, frozen=True, tag="ack"):
    """`send` stands in the room's log at this position (a command: where its event stands, or 0 when it has none)."""

    id: int
    room: str
    nonce: str
    epoch: str = ""
    offset: int = 0
    text: str = ""
    """What a command has to tell its sender alone (`/help`)."""


class Refused(_Frame, frozen=True, tag="error"):
    """A request was refused; `temporary` says that trying again can help, `retry_after_ms` when."""

    id: int
    code: str
    message: str
    temporary: bool = False
    retry_after_ms: int | None = None
    field: str | None = None
    room: str | None = None
    nonce: str | None = None


class Push(_Frame, frozen=True, tag="event"):
    """One event of a room's log, live."""

    room: str
    epoch: str
    offset: int
    event: Event


class Info(_Frame, frozen=True, tag="info"):
    """What is true of the room now; not part of the log, the newest wins."""

    room: str
    viewers: int = 0
    chatters: int = 0
    live: str = "offline"
    """`offline`, `starting`, `live`, `interrupted` or `ended`."""
    broadcast: str | None = None
    title: str = ""
    category: str = ""
    since_ms: int | None = None
    grace_until_ms: int | None = None


class You(_Frame, frozen=True, tag="you"):
    """What changed for this member in the room."""

    room: str
    role: Role
    restriction: Restriction | None = None


class Reload(_Frame, frozen=True, tag="reload"):
    """The room's log began anew: join again without a position."""

    room: str
    epoch: str


class Reconnect(_Frame, frozen=True, tag="reconnect"):
    """Open another socket after so many milliseconds, and keep this one until the new one has joined."""

    after_ms: int


class Pong(_Frame, frozen=True, tag="pong"):
    """The answer to `ping`."""

    id: int


ServerFrame = Welcome | Joined | Left | History | Ack | Refused | Push | Info | You | Reload | Reconnect | Pong

_json_in: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_msgpack_in: msgspec.msgpack.Decoder[ClientFrame] = msgspec.msgpack.Decoder(ClientFrame)
_json_out = msgspec.json.Encoder()
_msgpack_out = msgspec.msgpack.Encoder()


def decode(data: bytes | str, encoding: Encoding) -> ClientFrame:
    """Read a client's frame.

    Raises:
        msgspec.DecodeError: not the encoding, or not the schema (`ValidationError`, which names the field).
        UnicodeDecodeError: text that is not UTF-8.
    """
    if encoding is Encoding.JSON:
        return _json_in.decode(data)
    return _msgpack_in.decode(data if isinstance(data, bytes) else data.encode())


def encode(frame: ServerFrame | ClientFrame, encoding: Encoding) -> bytes:
    """Write a frame."""
    return _json_out.encode(frame) if encoding is Encoding.JSON else _msgpack_out.encode(frame)
