"""chat.admission: the steps in their order, and how they go together."""

from hypothesis import given
from hypothesis import strategies as st

from chat.admission import STEPS, admit
from chat.codes import Code
from chat.draft import Draft, Fact, Hold, Verdict
from chat.room import RoomRules, Sanction
from tests.unit.chat.drafts import FAN, OWNER, RULES, code_of, draft


def test_an_ordinary_line_is_admitted_as_it_is() -> None:
    """The very draft, so nothing was copied on the way."""
    line = draft()
    assert admit(line) is line


def test_the_first_refusal_is_the_answer() -> None:
    """A guest with a bad nonce and no text is asked to sign in; a banned member in slow mode hears of the ban."""
    assert code_of(admit(draft(None, nonce="", text=""))) is Code.SIGN_IN
    assert code_of(admit(draft(nonce="", text=""))) is Code.BAD_NONCE
    rules = RoomRules(5, OWNER, 7, sanctions={FAN: Sanction("ban")}, followers_only_seconds=0)
    assert code_of(admit(draft(FAN, rules, hold=Hold(Code.SLOW_MODE, 99.0, 7)))) is Code.BANNED


def test_a_fact_is_asked_for_only_where_the_rest_stands() -> None:
    """No query for what is refused anyway; with the fact the same draft passes."""
    rules = RoomRules(5, OWNER, followers_only_seconds=0)
    assert code_of(admit(draft(FAN, rules, text=""))) is Code.EMPTY
    assert admit(draft(FAN, rules)) is Fact.FOLLOWED_SINCE
    known = draft(FAN, rules, followed_since_ms=0)
    assert admit(known) is known


def test_what_a_step_makes_the_next_one_sees() -> None:
    """Steps may hand on another draft."""

    def seen(line: Draft) -> Verdict:
        return Fact.FOLLOWED_SINCE if line.text == "hello" else line

    assert admit(draft(text=" hello "), (*STEPS, seen)) is Fact.FOLLOWED_SINCE


@given(st.text(max_size=40), st.booleans(), st.sampled_from([None, OWNER, FAN]))
def test_what_was_admitted_is_admitted_again(text: str, is_ordered: bool, account: int | None) -> None:  # noqa: FBT001
    """Judged anew by newer rules, a draft loses nothing but another command of its bucket."""
    first = admit(draft(account, RULES, text=text, is_ordered=is_ordered))
    if isinstance(first, Draft):
        again = admit(first)
        assert isinstance(again, Draft)
        assert (again.text, again.is_command) == (first.text, first.is_command)
