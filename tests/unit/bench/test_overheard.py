"""Redis' commands, told apart."""

import pytest

from bench.overheard import purpose, subject

AT = "+1700000000.123456 "


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('[0 127.0.0.1:5] "EVALSHA" "ab" "2" "leams:{p1}:room:7:head" "leams:{p1}:archive" "{}"', "publish"),
        ('[0 127.0.0.1:5] "EVALSHA" "ab" "1" "leams:{p1}:room:7:presence" "15000"', "beat"),
        ('[0 127.0.0.1:5] "EVALSHA" "ab" "2" "leams:{p1}:room:7:log" "leams:{p1}:room:7:presence"', "room"),
        ('[0 127.0.0.1:5] "SSUBSCRIBE" "leams:{p1}:room:7:log" "leams:{p1}:room:7:side"', "room"),
        ('[0 127.0.0.1:5] "SPUBLISH" "leams:{p3}:probe:web-1" "17"', "probe"),
        ('[0 127.0.0.1:5] "HMGET" "leams:{p1}:room:7:head" "epoch" "offset" "version"', "probe"),
        ('[0 127.0.0.1:5] "PING"', "other"),
        ('[0 127.0.0.1:5] "SET" "leams:transcode:jobs" "a \\"quoted\\" leams:{p1}:room:7:archive"', "publish"),
        ('[0 lua] "XADD" "leams:{p1}:room:7:log" "1-0"', None),
    ],
)
def test_a_command_has_one_purpose(line: str, expected: str | None) -> None:
    """By the names of its keys; what scripts do inside is not counted again."""
    assert purpose(AT + line) == expected


def test_what_is_no_command_is_left_out() -> None:
    """MONITOR begins with +OK."""
    assert purpose("+OK") is None


def test_a_command_is_told_in_few_words() -> None:
    """Its name, and the ends of the keys."""
    line = AT + '[0 127.0.0.1:5] "EVALSHA" "ab" "2" "leams:{p1}:room:7:log" "leams:{p1}:room:7:head" "1"'
    assert subject(line) == "EVALSHA head log"
    assert subject("+OK") == "+OK"
