"""chat.steps.commands: commands of one socket have a rate of their own."""

from chat.codes import Code
from chat.draft import Draft
from chat.ratelimit import COMMANDS
from chat.steps.commands import slow_down_commands
from tests.unit.chat.drafts import draft, refused


def test_commands_spend_the_bucket_and_lines_do_not() -> None:
    """After the burst a command is refused with the time to wait; a line passes all the same."""
    full_at = 0.0
    for _ in range(COMMANDS.burst):
        taken = slow_down_commands(draft(text="/help", commands_full_at=full_at))
        assert isinstance(taken, Draft)
        full_at = taken.commands_full_at
    refusal = refused(slow_down_commands(draft(text="/help", commands_full_at=full_at)))
    assert (refusal.code, refusal.is_temporary) == (Code.RATE_LIMITED, True)
    assert refusal.retry_after_ms == COMMANDS.refill_ms
    line = draft(commands_full_at=full_at)
    assert slow_down_commands(line) is line


def test_what_a_command_made_is_a_line() -> None:
    """`/me /help` is said."""
    line = draft(text="/help", is_ordered=True)
    assert slow_down_commands(line) is line
