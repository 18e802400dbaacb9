"""The parser of commands says what was meant, or what was expected.

`python -m tests.unit.chat.test_commands` writes `tests/data/commands.json` anew.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat import commands
from chat.codes import Code
from chat.commands import TABLE, Call, Misuse, parse
from chat.entry import Command, Help
from chat.orders.announce import Announce
from chat.orders.ban import Ban, Unban
from chat.orders.clear import Clear
from chat.orders.delete import Delete
from chat.orders.modes import Followers, Slow
from chat.orders.pin import Pin, Unpin
from chat.orders.roles import Appoint, Dismiss
from chat.orders.timeout import Timeout, Untimeout
from chat.room import Say

SHARED_TABLE = Path(__file__).parents[2] / "data" / "commands.json"


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("/timeout bob", Timeout("bob", 600, "")),
        ("/timeout @bob 90s", Timeout("bob", 90, "")),
        ("/TimeOut  bob   30   being   rude ", Timeout("bob", 30, "being   rude ")),
        ("/timeout bob 14d", Timeout("bob", 14 * 86_400, "")),
        ("/timeout bob 1h30m", Timeout("bob", 5400, "")),
        ("/untimeout bob", Untimeout("bob")),
        ("/ban bob", Ban("bob", "")),
        ("/ban bob spam; DROP TABLE accounts", Ban("bob", "spam; DROP TABLE accounts")),
        ("/unban @bob", Unban("bob")),
        ("/delete 0198-a.b:c_d", Delete("0198-a.b:c_d")),
        ("/clear", Clear()),
        ("/announce blue whales ahead", Announce("blue whales ahead", "primary")),
        ("/AnnounceGreen go  on", Announce("go  on", "green")),
        ("/pin 0198-a.b:c_d", Pin("0198-a.b:c_d")),
        ("/unpin", Unpin()),
        ("/slow", Slow(30)),
        ("/slow 2m", Slow(120)),
        ("/slowoff", Slow(0)),
        ("/followers", Followers(0)),
        ("/followers 10m", Followers(600)),
        ("/followersoff", Followers(None)),
        ("/mod bob", Appoint("bob", "moderator")),
        ("/unmod bob", Dismiss("bob", "moderator")),
        ("/vip bob", Appoint("bob", "vip")),
        ("/unvip bob", Dismiss("bob", "vip")),
        ("/me waves to /all", Say("waves to /all", is_me=True)),
        ("/help", Help(None)),
        ("/help /TIMEOUT", Help("timeout")),
    ],
)
def test_reads_every_command(line: str, meant: Command) -> None:
    """Names with or without @, absent arguments at their defaults, the rest of the line as the reason."""
    call = parse(line)
    assert isinstance(call, Call)
    assert call.command == meant


@pytest.mark.parametrize(
    "line", ["/", "/ timeout bob", "//timeout bob", "/dance", "/timeoutbob", "/🙂", "/" + "x" * 499]
)
def test_an_unknown_command_is_named_and_points_to_help(line: str) -> None:
    """What is in no entry of the table is refused by its own code, shortened."""
    misuse = parse(line)
    assert isinstance(misuse, Misuse)
    assert misuse.code is Code.UNKNOWN_COMMAND
    assert "/help" in misuse.message
    assert len(misuse.message) < 120


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("/timeout", "name", "NAME is missing. Usage: /timeout NAME [DURATION=10m] [REASON…]"),
        ("/timeout bob -1 s", "duration", "DURATION is a time from 1s to 14d, such as 30"),
        ("/timeout bob 0", "duration", "a time from 1s"),
        ("/timeout bob 15d", "duration", "to 14d"),
        ("/timeout bob 99999999", "duration", "to 14d"),
        ("/timeout bob ten", "duration", "such as 30, 90s, 10m, 2h or 1d"),
        ("/timeout bob ١٠", "duration", "a time"),  # noqa: RUF001  # Arabic digits are digits to str.isdigit
        ("/timeout bob 10m " + "x" * 201, "reason", "at most 200 characters"),
        ("/ban bob " + "x" * 201, "reason", "at most 200 characters"),
        ("/ban bo", "name", "3 to 25 letters, digits or _"),
        ("/ban @@bob", "name", "3 to 25 letters"),
        ("/ban bob';--", "name", "3 to 25 letters"),
        ("/ban " + "x" * 26, "name", "3 to 25 letters"),
        ("/unban бобби", "name", "3 to 25 letters"),  # letters, but not of a name
        ("/delete", "message_id", "MESSAGE_ID is missing"),
        ("/delete a'b", "message_id", "the id of a message"),
        ("/delete " + "x" * 65, "message_id", "the id of a message"),
        ("/delete one two", None, "Nothing was expected at “two”. Usage: /delete MESSAGE_ID"),
        ("/clear now", None, "Nothing was expected at “now”. Usage: /clear"),
        ("/slow 0", "seconds", "a time from 1s to 1h"),
        ("/slow 2h", "seconds", "a time from 1s to 1h"),
        ("/followers 91d", "min_duration", "a time from 0s to 90d"),
        ("/mod bob alice", None, "Usage: /mod NAME"),
        ("/me", "text", "TEXT is missing. Usage: /me TEXT…"),
        ("/announceorange", "text", "TEXT is missing. Usage: /announceorange TEXT…"),
        ("/help dance", "command", "one of the commands that /help lists"),
    ],
)
def test_a_misused_command_says_what_was_expected(line: str, field: str | None, expected: str) -> None:
    """A usage error names the argument, what it takes, and the whole usage."""
    misuse = parse(line)
    assert isinstance(misuse, Misuse)
    assert misuse.code is Code.USAGE
    assert misuse.field == field
    assert expected in misuse.message
    assert "Usage: /" in misuse.message


@given(st.text())
def test_the_parser_never_raises(text: str) -> None:
    """Whatever follows the slash is a command or a misuse."""
    parse("/" + text)


@given(st.sampled_from(list(TABLE)), st.text(max_size=300))
def test_no_argument_makes_the_parser_raise(name: str, rest: str) -> None:
    """Nor does anything after a command's name."""
    parse(f"/{name} {rest}")


def test_help_lists_what_one_may_and_explains_one() -> None:
    """Without a command: a line for each permitted one; with one: its usage and help, permitted or not."""
    listed = commands.help_text(None, lambda who: who in {"guest", "member"})
    assert [line.split()[0] for line in listed.splitlines()] == ["/me", "/help"]
    assert commands.help_text("slow", lambda _: False) == (
        "/slow [SECONDS=30s]: Let everybody speak once in so many seconds."
    )


def test_the_shared_table_is_this_one() -> None:
    """`tests/data/commands.json`, which the clients' completion is checked against, equals the table."""
    assert json.loads(SHARED_TABLE.read_text()) == commands.exported()


if __name__ == "__main__":
    SHARED_TABLE.write_text(json.dumps(commands.exported(), indent=2, ensure_ascii=False) + "\n")
