"""A line on its way to being said, and what is known for judging it.  Pure."""

import math
from enum import Enum

import msgspec

from chat.codes import Code
from chat.room import Refusal, RoomRules
from chat.wire import Role


class Fact(Enum):
    """What a step has to know that is not in the room's rules: the session learns it and has the draft judged again."""

    FOLLOWED_SINCE = "followed_since"


class Hold(msgspec.Struct, frozen=True):
    """The publish script asked this member to wait: asking it again before `until` is in vain.

    Another `version` of the rules may let the member speak at once, so a hold ends with it.
    """

    code: Code
    until: float
    """Monotonic seconds."""
    version: int


class Draft(msgspec.Struct, frozen=True):
    """One line of one account in one room, with the clocks of its moment."""

    rules: RoomRules
    role: Role
    """What `rules` give the account."""
    account_id: int | None
    """None: a guest."""
    name: str
    is_staff: bool
    nonce: str
    text: str
    now_ms: int
    """Unix milliseconds: for what ends at a time of day."""
    tick: float
    """Monotonic seconds: for how fast is too fast."""
    commands_full_at: float = 0.0
    """The socket's bucket of commands; an admitted command has taken one."""
    hold: Hold | None = None
    is_ordered: bool = False
    """A command made this line (`/me`), so it is said whatever it begins with."""
    is_me: bool = False
    followed_since_ms: int | msgspec.UnsetType | None = msgspec.UNSET
    """None: the account doesn't follow the channel; unset: nobody has asked yet."""

    @property
    def is_command(self) -> bool:
        """Is it to be carried out rather than said?"""
        return not self.is_ordered and self.text.startswith("/")

    def held_ms(self, code: Code) -> int:
        """How much longer the script asks this member to wait for this reason; 0: not that we know."""
        hold = self.hold
        if hold is None or hold.code is not code or hold.version != self.rules.version or self.tick >= hold.until:
            return 0
        return math.ceil((hold.until - self.tick) * 1000)


Verdict = Draft | Refusal | Fact
"""Go on (with a draft that may be another), refused, or a fact is missing."""
