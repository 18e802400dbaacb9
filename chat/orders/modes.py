"""`/slow`, `/slowoff`, `/followers` and `/followersoff`.  Pure."""

from dataclasses import dataclass

from chat.entry import Entry, duration
from chat.orders.order import AboutRoom, Decision, Hearing, Outcome, SetModes
from chat.room import Done
from chat.wire import Modes, ModesChanged

SLOW_DEFAULT_SECONDS = 30
SLOW_MAX_SECONDS = 3600
FOLLOWERS_MAX_SECONDS = 90 * 86_400


@dataclass(frozen=True, slots=True)
class Slow(AboutRoom):
    """One message per member in so many seconds; 0 ends the mode."""

    seconds: int

    def decide(self, hearing: Hearing) -> Outcome:
        """The other mode stays as it is."""
        return _change(hearing, Modes(self.seconds, hearing.board.modes.followers_only_seconds))


@dataclass(frozen=True, slots=True)
class Followers(AboutRoom):
    """Only accounts that have followed for so many seconds may speak; None ends the mode."""

    seconds: int | None

    def decide(self, hearing: Hearing) -> Outcome:
        """The other mode stays as it is."""
        return _change(hearing, Modes(hearing.board.modes.slow_seconds, self.seconds))


def _change(hearing: Hearing, modes: Modes) -> Outcome:
    if modes == hearing.board.modes:
        return Done("The room is in this mode already.")
    event = ModesChanged(hearing.at_ms, hearing.by, modes.slow_seconds, modes.followers_only_seconds)
    return Decision(event, SetModes(modes))


ENTRIES = (
    Entry(
        "slow",
        (duration("SECONDS", default=SLOW_DEFAULT_SECONDS, least=1, most=SLOW_MAX_SECONDS),),
        "Let everybody speak once in so many seconds.",
        "moderator",
        lambda values: Slow(values.seconds),
    ),
    Entry("slowoff", (), "End slow mode.", "moderator", lambda _: Slow(0)),
    Entry(
        "followers",
        (duration("MIN_DURATION", default=0, least=0, most=FOLLOWERS_MAX_SECONDS),),
        "Let only followers speak, from so long a follow on.",
        "moderator",
        lambda values: Followers(values.seconds),
    ),
    Entry("followersoff", (), "End followers-only mode.", "moderator", lambda _: Followers(None)),
)
