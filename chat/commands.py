"""The commands of the chat: one table, and the parser that reads a line by it.  Pure.

A command's own file in `chat/orders/` brings its entries; the table puts them in the order that help and completion
show.  `tests/data/commands.json` is its copy for the clients.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from chat.codes import Code
from chat.durations import duration_text, parse_duration
from chat.entry import Argument, Command, Entry, Kind, Values
from chat.orders import announce, answered, ban, clear, delete, modes, pin, roles, timeout
from chat.wire import Role

_TABLE: tuple[Entry, ...] = (
    *timeout.ENTRIES,
    *ban.ENTRIES,
    *delete.ENTRIES,
    *clear.ENTRIES,
    *announce.ENTRIES,
    *pin.ENTRIES,
    *modes.ENTRIES,
    *roles.ENTRIES,
    *answered.ENTRIES,
)

TABLE = {entry.name: entry for entry in _TABLE}
"""Every command by its name."""


@dataclass(frozen=True, slots=True)
class Call:
    """A line that was understood: the table's entry, and what it asks for."""

    entry: Entry
    command: Command


@dataclass(frozen=True, slots=True)
class Misuse:
    """A line that is no command: the message says what was expected, `field` names the faulty argument."""

    code: Literal[Code.UNKNOWN_COMMAND, Code.USAGE]
    message: str
    field: str | None = None


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


def help_text(command: str | None, may: Callable[[Role], bool]) -> str:
    """What `/help` tells: one command's usage and help, or a line for each command that the asker may give."""
    entries = _TABLE if command is None else (TABLE[command],)
    return "\n".join(f"{entry.usage}: {entry.help}" for entry in entries if command is not None or may(entry.who))
