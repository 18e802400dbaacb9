"""One open room of this process: its log's recent part, its rules and its audience.  No I/O of its own.

The ring holds the same events as the room's log in Redis, so that joins and reconnects of thousands cost no round trip.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import msgspec

from chat.audience import Audience, Socket, Standing
from chat.board import Board
from chat.fanout import GAP_MAX_SECONDS, Fanout
from chat.history import Moderation, visible
from chat.presence import Counts
from chat.publisher import LOG_EVENTS
from chat.room import Position, RoomRules
from chat.sequencer import Sequencer
from chat.wire import BACKFILL_MESSAGES, Encoding, Event, Info, Line, Logged

RECOVER_BYTES = 3 * 1024 * 1024
"""What is longer to tell is begun anew with the backfill; a whole ring of ordinary lines is 0.8 MB."""
PAST_BYTES = 4 * 1024 * 1024
"""Encoded parts of the past that a room keeps until its next event: a storm asks for few different ones."""

_json_out, _msgpack_out = msgspec.json.Encoder(), msgspec.msgpack.Encoder()


class Heard(NamedTuple):
    """An event of the log, and the JSON that it came as."""

    event: Event
    json: bytes


class Past(NamedTuple):
    """What a `joined` tells: `events` are encoded already, and go into one frame of that encoding alone."""

    events: list[Logged]
    is_recovered: bool


@dataclass(slots=True)
class LiveRoom:
    """State of a room whose log is followed here."""

    rules: RoomRules
    audience: Audience = field(default_factory=Audience)
    gap_max_seconds: float = GAP_MAX_SECONDS
    fanout: Fanout = field(init=False)
    alone: tuple[int, ...] = field(init=False)
    """The rooms of a socket that is in this one only."""
    sequencer: Sequencer[Heard | None] = field(default_factory=Sequencer)
    """None: an event that this version of ours can't read keeps its place and is passed over."""
    ring: deque[Logged] = field(default_factory=lambda: deque(maxlen=LOG_EVENTS))
    board: Board = field(init=False)
    """What stands over the lines at `position`."""
    before: list[Logged] = field(default_factory=list)
    """Visible lines right before the ring, from the archive; known only while a short ring needs them."""
    info: Info = field(default_factory=lambda: Info(room=""))
    totals: Counts = field(default_factory=Counts)
    told: Counts = field(default_factory=Counts)
    """The totals that everybody in the room was last told."""
    empty_since: float | None = None
    """Monotonic seconds at which the last socket left."""
    _ends: list[tuple[int, int]] = field(init=False)
    """When timeouts end (Unix milliseconds) and whose, the next one last."""
    _pasts: dict[tuple[int | None, Encoding], Past] = field(default_factory=dict)
    _past_bytes: int = 0

    def __post_init__(self) -> None:
        self.fanout = Fanout(self.audience, self.gap_max_seconds)
        self.alone = (self.rules.room_id,)
        self.learn_rules(self.rules)

    @property
    def id(self) -> int:
        """The channel's id."""
        return self.rules.room_id

    @property
    def position(self) -> Position:
        """The last delivered place."""
        position = self.sequencer.position
        return Position("", 0) if position is None else position

    def lacks(self, position: Position) -> bool:
        """Was what stands there not delivered yet?  Reply and echo bring everything of our own twice."""
        here = self.sequencer.position
        return here is None or position.epoch != here.epoch or position.offset > here.offset

    def remember(self, logged: Logged) -> None:
        """Append a delivered event."""
        if len(self.ring) == self.ring.maxlen:
            self.before.clear()
        self.ring.append(logged)
        self._forget_pasts()
        self.board = self.board.after(logged.event)

    def contradicts(self, offset: int, event: Event) -> bool:
        """Is this another event than the one that was delivered at this place?"""
        for logged in reversed(self.ring):
            if logged.offset <= offset:
                same = (type(event), event.at_ms) == (type(logged.event), logged.event.at_ms)
                return logged.offset == offset and not same
        return False

    def restart(self, events: list[Logged]) -> None:
        """The log was read anew; what the ring held of the lost one may be seen no more."""
        self.ring.clear()
        self.before.clear()
        self.ring.extend(events)
        self._forget_pasts()
        self.learn_rules(self.rules)

    def learn_rules(self, rules: RoomRules) -> set[int]:
        """These are the rules from here on; the board is theirs where the log says nothing of it.

        Answers the accounts whose role or restriction may differ from what it was.
        """
        before, self.rules = self.rules, rules
        self.board = rules.board.after_all(logged.event for logged in self.ring)
        until = [(sanction.until_ms, account) for account, sanction in rules.sanctions.items()]
        self._ends = sorted(((end, account) for end, account in until if end is not None), reverse=True)
        changed = {account for account, _ in rules.sanctions.items() ^ before.sanctions.items()}
        return changed | (rules.moderators ^ before.moderators) | (rules.vips ^ before.vips)

    def ended_timeouts(self, now_ms: int) -> list[int]:
        """The accounts whose timeout has ended since this was asked last."""
        ended = []
        while self._ends and self._ends[-1][0] <= now_ms:
            ended.append(self._ends.pop()[1])
        return ended

    @property
    def first_offset(self) -> int:
        """The earliest place in the ring; the next one to come when it is empty."""
        return self.ring[0].offset if self.ring else self.position.offset + 1

    @property
    def edge(self) -> Position:
        """From here on the ring knows the log; what lies before is for the archive to tell."""
        return Position(self.position.epoch, self.first_offset)

    def backfill(self) -> list[Logged]:
        """The last lines that may be seen, oldest first."""
        moderation = Moderation()
        recent = visible(reversed(self.ring), moderation, BACKFILL_MESSAGES)
        missing = BACKFILL_MESSAGES - len(recent)
        earlier = visible(reversed(self.before), moderation, missing) if missing else []
        return earlier + recent

    def can_recover(self, position: Position) -> bool:
        """Can everything after the position be told, whole?"""
        here = self.position
        return position.epoch == here.epoch and self.first_offset - 1 <= position.offset <= here.offset

    def missed_since(self, position: Position) -> list[Logged] | None:
        """Everything after the position without what was removed meanwhile; None when that can't be told whole."""
        if not self.can_recover(position):
            return None
        moderation = Moderation()
        missed: list[Logged] = []
        for logged in reversed(self.ring):
            if logged.offset <= position.offset:
                break
            if moderation.passes(logged.event):
                missed.append(logged)
        missed.reverse()
        return missed

    def past(self, position: Position | None, encoding: Encoding) -> Past:
        """What was missed since the position, or else the backfill; encoded once for all who ask alike."""
        key = (position.offset if position is not None and self.can_recover(position) else None), encoding
        past = self._pasts.get(key)
        if past is None:
            missed = None if position is None else self.missed_since(position)
            events = self.backfill() if missed is None else missed
            encode = (_json_out if encoding is Encoding.JSON else _msgpack_out).encode
            encoded = encode(events)
            if missed is not None and len(encoded) > RECOVER_BYTES:
                missed, encoded = None, encode(self.backfill())
            # The encoders copy a `Raw` as it is, wherever a frame holds one.
            past = Past(cast("list[Logged]", msgspec.Raw(encoded)), missed is not None)
            if self._past_bytes + len(encoded) > PAST_BYTES:
                self._forget_pasts()
            self._pasts[key] = past
            self._past_bytes += len(encoded)
        return past

    def _forget_pasts(self) -> None:
        self._pasts.clear()
        self._past_bytes = 0

    def older(self, position: Position, limit: int) -> tuple[list[Logged], Moderation, Position]:
        """The ring's part of a page before `position`; then what is known of later moderation, and where to go on."""
        moderation = Moderation()
        found: list[Logged] = []
        here = self.position
        is_ours = position.epoch == here.epoch
        for logged in reversed(self.ring):
            sees = moderation.passes(logged.event) and isinstance(logged.event, Line)
            if sees and is_ours and logged.offset < position.offset and len(found) < limit:
                found.append(logged)
        found.reverse()
        first = self.first_offset
        reached = Position(here.epoch, min(position.offset, first)) if is_ours else position
        return found, moderation, reached

    def standing_of(self, socket: Socket, now_ms: int) -> Standing:
        """A socket's role and restriction by the rules as they are known now."""
        account_id = socket.account_id
        return Standing(self.rules.role_of(account_id), self.rules.restriction_of(account_id, now_ms))
