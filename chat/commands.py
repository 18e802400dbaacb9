"""The commands of the chat: one table, and the parser that reads a line by it.  Pure.

The table (`TABLE`) also feeds the clients' completion; `tests/data/commands.json` is its shared copy.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, assert_never

from chat.codes import Code

TIMEOUT_DEFAULT_SECONDS = 10 * 60
TIMEOUT_MAX_SECONDS = 14 * 86_400
SLOW_DEFAULT_SECONDS = 30
SLOW_MAX_SECONDS = 3600
FOLLOWERS_MAX_SECONDS = 90 * 86_400
REASON_MAX_CHARS = 200

Who = Literal["guest", "member", "vip", "moderator", "owner"]


# -- what a line can ask for --


@dataclass(frozen=True, slots=True)
class Timeout:
    """Silence an account for `seconds` and remove what it said."""

    name: str
    seconds: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ban:
    """Silence an account for good and remove what it said."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lift:
    """End an account's timeout or ban."""

    name: str
    kind: Literal["timeout", "ban"]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove one message."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove every message so far."""


@dataclass(frozen=True, slots=True)
class Slow:
    """One message per member in so many seconds; 0 ends the mode."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Followers:
    """Only accounts that have followed for so many seconds may speak; None ends the mode."""

    seconds: int | None


@dataclass(frozen=True, slots=True)
class Appoint:
    """Give an account a role."""

    name: str
    role: Literal["moderator", "vip"]


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Take the role from an account that has it."""

    name: str
    role: Literal["moderator", "vip"]


@dataclass(frozen=True, slots=True)
class Me:
    """Say something in the third person."""

    text: str


@dataclass(frozen=True, slots=True)
class Help:
    """Tell about one command, or about all (None)."""

    command: str | None


Command = Timeout | Ban | Lift | Delete | Clear | Slow | Followers | Appoint | Dismiss | Me | Help


@dataclass(frozen=True, slots=True)
class Misuse:
    """A line that is no command: the message says what was expected, `field` names the faulty argument."""

    code: Literal[Code.UNKNOWN_COMMAND, Code.USAGE]
    message: str
    field: str | None = None


# -- the table --


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


@dataclass(frozen=True, slots=True)
class Values:
    """What the arguments of a line hold; an absent one is at its default."""

    name: str = ""
    seconds: int = 0
    word: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of the table; `who` is the least rank that may give it."""

    name: str
    arguments: tuple[Argument, ...]
    help: str
    who: Who
    build: Callable[[Values], Command]

    @property
    def usage(self) -> str:
        """`/timeout NAME [DURATION=10m] [REASON…]`."""
        return " ".join([f"/{self.name}", *(argument.usage for argument in self.arguments)])


@dataclass(frozen=True, slots=True)
class Call:
    """A line that was understood: the table's entry, and what it asks for."""

    entry: Entry
    command: Command


_NAME = Argument("NAME", Kind.NAME)
_REASON = Argument("REASON", Kind.TEXT, is_required=False, max_chars=REASON_MAX_CHARS)


def _duration(label: str, default: int, least: int, most: int) -> Argument:
    return Argument(
        label, Kind.DURATION, is_required=False, default_seconds=default, min_seconds=least, max_seconds=most
    )


_TABLE = (
    Entry(
        "timeout",
        (_NAME, _duration("DURATION", TIMEOUT_DEFAULT_SECONDS, 1, TIMEOUT_MAX_SECONDS), _REASON),
        "Silence somebody for a while and remove their messages.",
        "moderator",
        lambda values: Timeout(values.name, values.seconds, values.text),
    ),
    Entry("untimeout", (_NAME,), "End a timeout.", "moderator", lambda values: Lift(values.name, "timeout")),
    Entry(
        "ban",
        (_NAME, _REASON),
        "Silence somebody for good and remove their messages.",
        "moderator",
        lambda values: Ban(values.name, values.text),
    ),
    Entry("unban", (_NAME,), "End a ban.", "moderator", lambda values: Lift(values.name, "ban")),
    Entry(
        "delete",
        (Argument("MESSAGE_ID", Kind.MESSAGE_ID),),
        "Remove one message.",
        "moderator",
        lambda values: Delete(values.word),
    ),
    Entry("clear", (), "Remove every message so far.", "moderator", lambda _: Clear()),
    Entry(
        "slow",
        (_duration("SECONDS", SLOW_DEFAULT_SECONDS, 1, SLOW_MAX_SECONDS),),
        "Let everybody speak once in so many seconds.",
        "moderator",
        lambda values: Slow(values.seconds),
    ),
    Entry("slowoff", (), "End slow mode.", "moderator", lambda _: Slow(0)),
    Entry(
        "followers",
        (_duration("MIN_DURATION", 0, 0, FOLLOWERS_MAX_SECONDS),),
        "Let only followers speak, from so long a follow on.",
        "moderator",
        lambda values: Followers(values.seconds),
    ),
    Entry("followersoff", (), "End followers-only mode.", "moderator", lambda _: Followers(None)),
    Entry("mod", (_NAME,), "Make somebody a moderator.", "owner", lambda values: Appoint(values.name, "moderator")),
    Entry("unmod", (_NAME,), "Dismiss a moderator.", "owner", lambda values: Dismiss(values.name, "moderator")),
    Entry("vip", (_NAME,), "Make somebody a VIP.", "owner", lambda values: Appoint(values.name, "vip")),
    Entry("unvip", (_NAME,), "Take the VIP role back.", "owner", lambda values: Dismiss(values.name, "vip")),
    Entry(
        "me",
        (Argument("TEXT", Kind.TEXT),),
        "Say something in the third person.",
        "member",
        lambda values: Me(values.text),
    ),
    Entry(
        "help",
        (Argument("COMMAND", Kind.COMMAND, is_required=False),),
        "List the commands, or explain one.",
        "guest",
        lambda values: Help(values.word or None),
    ),
)

TABLE = {entry.name: entry for entry in _TABLE}
"""Every command by its name, in the order that help and completion show."""


def exported() -> list[dict[str, object]]:
    """The table as JSON values, for `tests/data/commands.json` and the clients that copy it."""
    return [
        {
            "name": entry.name,
            "usage": entry.usage,
            "help": entry.help,
            "who": entry.who,
            "arguments": [
                {"label": argument.label, "kind": argument.kind.value, "required": argument.is_required}
                for argument in entry.arguments
            ],
        }
        for entry in _TABLE
    ]


# -- reading a line --

_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9_]{3,25}")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_:.-]{1,64}")
_DURATION = re.compile(r"(?:(\d{1,7})d)?(?:(\d{1,7})h)?(?:(\d{1,7})m)?(?:(\d{1,7})s?)?", re.ASCII | re.IGNORECASE)
_UNIT_SECONDS = (86_400, 3600, 60, 1)


def parse(text: str) -> Call | Misuse:
    """Read a line that begins with `/`; a command's name may be in any case."""
    called, rest = _first_word(text)
    name = called.removeprefix("/").lower()
    entry = TABLE.get(name)
    if entry is None:
        return _unknown(name)
    values = Values()
    for argument in entry.arguments:
        word, rest = (rest, "") if argument.kind is Kind.TEXT else _first_word(rest)
        read = _absent(argument, values) if not word else _read(argument, word, values)
        if isinstance(read, str):
            return Misuse(Code.USAGE, f"{argument.label} {read}. Usage: {entry.usage}", argument.label.lower())
        values = read
    if rest:
        return Misuse(Code.USAGE, f"Nothing was expected at “{rest[:30]}”. Usage: {entry.usage}")
    return Call(entry, entry.build(values))


def _unknown(name: str) -> Misuse:
    return Misuse(Code.UNKNOWN_COMMAND, f"There is no command /{name[:30]}; /help lists them.")


def _first_word(text: str) -> tuple[str, str]:
    first, *rest = text.split(maxsplit=1) or [""]
    return first, rest[0] if rest else ""


def _absent(argument: Argument, values: Values) -> Values | str:
    if argument.is_required:
        return "is missing"
    return replace(values, seconds=argument.default_seconds) if argument.kind is Kind.DURATION else values


def _read(argument: Argument, word: str, values: Values) -> Values | str:
    """The values with this argument's among them, or what was wrong with it."""
    match argument.kind:
        case Kind.NAME:
            name = word.removeprefix("@")
            if _ACCOUNT_NAME.fullmatch(name) is None:
                return "is 3 to 25 letters, digits or _"
            return replace(values, name=name)
        case Kind.DURATION:
            seconds = parse_duration(word)
            if seconds is None or not argument.min_seconds <= seconds <= argument.max_seconds:
                least, most = duration_text(argument.min_seconds), duration_text(argument.max_seconds)
                return f"is a time from {least} to {most}, such as 30, 90s, 10m, 2h or 1d"
            return replace(values, seconds=seconds)
        case Kind.MESSAGE_ID:
            if _MESSAGE_ID.fullmatch(word) is None:
                return "is the id of a message"
            return replace(values, word=word)
        case Kind.COMMAND:
            name = word.removeprefix("/").lower()
            return replace(values, word=name) if name in TABLE else "is one of the commands that /help lists"
        case Kind.TEXT:
            if argument.max_chars and len(word) > argument.max_chars:
                return f"is at most {argument.max_chars} characters"
            return replace(values, text=word)
        case _ as never:
            assert_never(never)


def parse_duration(text: str) -> int | None:
    """Seconds of `30`, `90s`, `10m`, `2h`, `1d` or `1h30m`; None for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    return sum(int(count or 0) * unit for count, unit in zip(match.groups(), _UNIT_SECONDS, strict=True))


def duration_text(seconds: int) -> str:
    """The shortest text that `parse_duration` reads back: `10m`, `1h30m`, `0s`."""
    parts = []
    for name, unit in zip("dhms", _UNIT_SECONDS, strict=True):
        count, seconds = divmod(seconds, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0s"


def help_text(command: str | None, may: Callable[[Who], bool]) -> str:
    """What `/help` tells: one command's usage and help, or a line for each command that the asker may give."""
    entries = _TABLE if command is None else (TABLE[command],)
    return "\n".join(f"{entry.usage}: {entry.help}" for entry in entries if command is not None or may(entry.who))
