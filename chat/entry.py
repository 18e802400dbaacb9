"""What the table knows of a command: its arguments, who may give it, and what it asks for.  Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from chat.durations import duration_text
from chat.orders.order import Order
from chat.room import Say
from chat.wire import Role

REASON_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class Help:
    """Tell about one command, or about all (None)."""

    command: str | None


Command = Order | Say | Help
"""An order goes to the court; the others are answered on the spot."""


class Kind(StrEnum):
    """What an argument is, for the parser and for completion."""

    NAME = "name"
    DURATION = "duration"
    MESSAGE_ID = "message_id"
    TEXT = "text"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument; `TEXT` takes the rest of the line, the others one word."""

    label: str
    kind: Kind
    is_required: bool = True
    default_seconds: int = 0
    min_seconds: int = 0
    max_seconds: int = 0
    max_chars: int = 0

    @property
    def usage(self) -> str:
        """As the usage line shows it: `NAME`, `[DURATION=10m]`, `[REASON…]`."""
        text = self.label + ("…" if self.kind is Kind.TEXT else "")
        if self.kind is Kind.DURATION:
            text += f"={duration_text(self.default_seconds)}"
        return text if self.is_required else f"[{text}]"


NAME = Argument("NAME", Kind.NAME)
MESSAGE_ID = Argument("MESSAGE_ID", Kind.MESSAGE_ID)
TEXT = Argument("TEXT", Kind.TEXT)
REASON = Argument("REASON", Kind.TEXT, is_required=False, max_chars=REASON_MAX_CHARS)


def duration(label: str, *, default: int, least: int, most: int) -> Argument:
    """A time that may be left out; all in seconds."""
    return Argument(
        label, Kind.DURATION, is_required=False, default_seconds=default, min_seconds=least, max_seconds=most
    )


@dataclass(frozen=True, slots=True)
class Values:
    """What the arguments of a line hold; an absent one is at its default."""

    name: str = ""
    seconds: int = 0
    word: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of the table; `who` is the least role that may give it."""

    name: str
    arguments: tuple[Argument, ...]
    help: str
    who: Role
    build: Callable[[Values], Command]

    @property
    def usage(self) -> str:
        """`/timeout NAME [DURATION=10m] [REASON…]`."""
        return " ".join([f"/{self.name}", *(argument.usage for argument in self.arguments)])
