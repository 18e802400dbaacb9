"""chat.steps.text: the line as everybody will read it."""

from chat.codes import Code
from chat.steps.text import tidy_text
from tests.unit.chat.drafts import code_of, draft


def test_a_tidy_line_stays_the_same_draft() -> None:
    """Nothing is copied where nothing is to do."""
    line = draft(text="fine as it is")
    assert tidy_text(line) is line


def test_the_draft_goes_on_with_the_clean_text() -> None:
    """What follows sees what will be shown, also whether it is a command."""
    tidied = tidy_text(draft(text="  \u202e/help   me "))
    assert tidied == draft(text="/help me")
    assert draft(text="/help me").is_command


def test_what_cannot_be_said_is_refused() -> None:
    """With the code of `chat.text`."""
    assert code_of(tidy_text(draft(text=" "))) is Code.EMPTY
