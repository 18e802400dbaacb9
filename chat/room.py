"""A room's rules as one immutable value, and what they allow whom.  Pure: `now_ms` comes in.

`chat/sanctions.py` reads the rules from Postgres, every process keeps them per open room, and every change of them
(commit, then an event in the room's log) makes the processes read anew.  `chat/admission.py` judges by them; the
publish script has the last word: it refuses a message that was judged by an older `version` than the room's newest.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from chat.board import Board
from chat.codes import Code
from chat.wire import Author, Modes, Pinned, Restriction, Role


@dataclass(frozen=True, slots=True)
class Sanction:
    """A timeout (until Unix milliseconds) or a ban (no end)."""

    kind: Literal["timeout", "ban"]
    until_ms: int | None = None
    reason: str = ""

    def is_active(self, now_ms: int) -> bool:
        """A timeout ends by itself."""
        return self.until_ms is None or now_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class RoomRules:
    """Roles, modes and active sanctions of one room; `version` grows with every change of any of them."""

    room_id: int
    owner_id: int
    version: int = 0
    moderators: frozenset[int] = frozenset()
    vips: frozenset[int] = frozenset()
    sanctions: Mapping[int, Sanction] = field(default_factory=dict)
    """By account id; a ban outweighs a timeout."""
    slow_seconds: int = 0
    followers_only_seconds: int | None = None
    pinned: Pinned | None = None

    def role_of(self, account_id: int | None) -> Role:
        """The highest role that the account has here; None is a guest."""
        if account_id is None:
            return "guest"
        if account_id == self.owner_id:
            return "owner"
        if account_id in self.moderators:
            return "moderator"
        return "vip" if account_id in self.vips else "member"

    @property
    def board(self) -> Board:
        """What stands over the room's lines by these rules."""
        return Board(Modes(self.slow_seconds, self.followers_only_seconds), self.pinned)

    def restriction_of(self, account_id: int | None, now_ms: int) -> Restriction | None:
        """The sanction that silences the account now."""
        sanction = None if account_id is None else self.sanctions.get(account_id)
        if sanction is None or not sanction.is_active(now_ms):
            return None
        code = Code.BANNED if sanction.kind == "ban" else Code.TIMED_OUT
        return Restriction(code, sanction.until_ms, sanction.reason)

    def slow_seconds_for(self, role: Role) -> int:
        """How long this role waits between messages; owner, moderators and VIPs don't."""
        return self.slow_seconds if role in {"member", "guest"} else 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was refused, as data; `is_temporary` says that trying again can help."""

    code: Code
    message: str
    is_temporary: bool = False
    retry_after_ms: int | None = None
    field: str | None = None


# -- the seam between the session and the commands --


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a room's log."""

    epoch: str
    offset: int


@dataclass(frozen=True, slots=True)
class Say:
    """The line is to be said (`/me`): the session publishes it with every limit of a message."""

    text: str
    is_me: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The command was carried out: what its sender is told, and where its event stands (None when it has none)."""

    text: str = ""
    position: Position | None = None


CommandResult = Say | Done | Refusal


class Commands(Protocol):
    """Carries out a line that begins with `/`: parse, permission, commit, publish."""

    def __call__(
        self, rules: RoomRules, by: Author, text: str, nonce: str, *, is_staff: bool
    ) -> Awaitable[CommandResult]:
        """`by` is the account with the role that the rules give it; `nonce` makes a repeat harmless."""
