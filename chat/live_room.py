"""One open room of this process: its log's recent part, its rules and its audience.  No I/O of its own.

The ring holds the same events as the room's log in Redis, so that joins and reconnects of thousands cost no round trip.
"""

from collections import deque
from dataclasses import dataclass, field

from chat.audience import Audience, Socket
from chat.board import Board
from chat.history import Moderation, visible
from chat.presence import Counts
from chat.publisher import LOG_EVENTS
from chat.room import Position, RoomRules
from chat.sequencer import Sequencer
from chat.wire import BACKFILL_MESSAGES, Event, Info, Line, Logged, Restriction, Role

RECOVER_EVENTS = 500
"""More is not recovered but begun anew with the backfill; about 125 kB in one frame."""


@dataclass(slots=True)
class LiveRoom:
    """State of a room whose log is followed here."""

    rules: RoomRules
    audience: Audience = field(default_factory=Audience)
    sequencer: Sequencer[Event | None] = field(default_factory=Sequencer)
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

    def __post_init__(self) -> None:
        self.board = self.rules.board

    @property
    def id(self) -> int:
        """The channel's id."""
        return self.rules.room_id

    @property
    def position(self) -> Position:
        """The last delivered place."""
        position = self.sequencer.position
        return Position("", 0) if position is None else position

    def remember(self, logged: Logged) -> None:
        """Append a delivered event."""
        if len(self.ring) == self.ring.maxlen:
            self.before.clear()
        self.ring.append(logged)
        self.board = self.board.after(logged.event)

    def restart(self, events: list[Logged]) -> None:
        """The log was read anew; what the ring held of the lost one may be seen no more."""
        self.ring.clear()
        self.before.clear()
        self.ring.extend(events)
        self.learn_rules(self.rules)

    def learn_rules(self, rules: RoomRules) -> None:
        """These are the rules from here on; the board is theirs where the log says nothing of it."""
        self.rules = rules
        self.board = rules.board.after_all(logged.event for logged in self.ring)

    @property
    def first_offset(self) -> int:
        """The earliest place in the ring; the next one to come when it is empty."""
        return self.ring[0].offset if self.ring else self.position.offset + 1

    def backfill(self) -> list[Logged]:
        """The last lines that may be seen, oldest first."""
        moderation = Moderation()
        recent = visible(reversed(self.ring), moderation, BACKFILL_MESSAGES)
        missing = BACKFILL_MESSAGES - len(recent)
        earlier = visible(reversed(self.before), moderation, missing) if missing else []
        return earlier + recent

    def missed_since(self, position: Position) -> list[Logged] | None:
        """Everything after the position without what was removed meanwhile; None when that can't be told whole."""
        here = self.position
        if position.epoch != here.epoch or not self.first_offset - 1 <= position.offset <= here.offset:
            return None
        if here.offset - position.offset > RECOVER_EVENTS:
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

    def standing_of(self, socket: Socket, now_ms: int) -> tuple[Role, Restriction | None]:
        """A socket's role and restriction by the rules as they are known now."""
        account_id = socket.account_id
        return self.rules.role_of(account_id), self.rules.restriction_of(account_id, now_ms)
