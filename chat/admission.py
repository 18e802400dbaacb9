"""May this line be said, or this command be given?  A tuple of steps, each with the power to refuse.  Pure.

A feature that restrains what people say is one more step: a file in `chat/steps/`, its own test, and its place here.
What is admitted goes to the publish script, or to the commander, which have the last word.
"""

from collections.abc import Callable

from chat.draft import Draft, Verdict
from chat.steps.commands import slow_down_commands
from chat.steps.followers import only_followers
from chat.steps.nonce import check_nonce
from chat.steps.rate import wait_for_rate
from chat.steps.sanctions import silence
from chat.steps.sign_in import require_account
from chat.steps.slow_mode import wait_for_slow_mode
from chat.steps.text import tidy_text

Step = Callable[[Draft], Verdict]

STEPS: tuple[Step, ...] = (
    require_account,
    check_nonce,
    tidy_text,
    slow_down_commands,
    silence,
    only_followers,
    wait_for_slow_mode,
    wait_for_rate,
)
"""In the order of their judgement: what can't be mended comes before what passes with time."""


def admit(draft: Draft, steps: tuple[Step, ...] = STEPS) -> Verdict:
    """The draft as it may be said, the first step's refusal, or the fact that a step misses.

    After a fact was learnt the whole draft is judged again: every step lets its own result pass.
    """
    for step in steps:
        verdict = step(draft)
        if not isinstance(verdict, Draft):
            return verdict
        draft = verdict
    return draft
