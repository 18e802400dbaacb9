"""chat.steps.sign_in: guests read."""

from chat.codes import Code
from chat.steps.sign_in import require_account
from tests.unit.chat.drafts import code_of, draft


def test_only_accounts_speak() -> None:
    """A guest is asked to sign in, whatever is said; an account passes."""
    assert code_of(require_account(draft(None))) is Code.SIGN_IN
    assert code_of(require_account(draft(None, text="/help"))) is Code.SIGN_IN
    assert require_account(draft()) == draft()
