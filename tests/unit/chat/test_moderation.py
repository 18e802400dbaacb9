"""Ranks decide who may do what to whom."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.codes import Code
from chat.commands import TABLE
from chat.moderation import (
    Person,
    Rank,
    bypasses_modes,
    judge_command,
    judge_removal,
    judge_target,
    may_give,
)
from chat.wire import Role

OWNER = Person(1, "owner")
MODERATOR = Person(2, "moderator")
VIP = Person(3, "vip")
MEMBER = Person(4, "member")
STAFF = Person(5, "member", is_staff=True)
GUEST = Person(None, "guest")

people = st.builds(Person, st.integers(min_value=1, max_value=6), st.sampled_from(get_args(Role)), st.booleans())


@pytest.mark.parametrize("name", sorted(TABLE.keys() - {"me", "help", "mod", "unmod", "vip", "unvip"}))
def test_moderators_keep_order_and_members_do_not(name: str) -> None:
    """Owner, moderators and the site's staff may moderate; VIPs and members may not; guests are asked to sign in."""
    who = TABLE[name].who
    assert [judge_command(who, person) for person in (OWNER, MODERATOR, STAFF)] == [None, None, None]
    assert [judge_command(who, person) for person in (VIP, MEMBER)] == [Code.FORBIDDEN, Code.FORBIDDEN]
    assert judge_command(who, GUEST) is Code.SIGN_IN


@pytest.mark.parametrize("name", ["mod", "unmod", "vip", "unvip"])
def test_the_owner_alone_gives_roles(name: str) -> None:
    """Neither moderators nor the site's staff appoint anybody."""
    assert judge_command(TABLE[name].who, OWNER) is None
    assert {judge_command(TABLE[name].who, person) for person in (MODERATOR, STAFF, VIP, MEMBER)} == {Code.FORBIDDEN}


def test_speech_is_for_members_and_help_for_all() -> None:
    """`/me` wants an account, `/help` nothing."""
    assert judge_command(TABLE["me"].who, MEMBER) is None
    assert judge_command(TABLE["me"].who, GUEST) is Code.SIGN_IN
    assert judge_command(TABLE["help"].who, GUEST) is None


@pytest.mark.parametrize("target", [OWNER, MODERATOR, STAFF, Person(9, "moderator"), Person(9, "vip", is_staff=True)])
@pytest.mark.parametrize("actor", [Person(7, "moderator"), Person(8, "member", is_staff=True)])
def test_moderators_reach_neither_owner_nor_moderators_nor_staff(actor: Person, target: Person) -> None:
    """Their equals and betters are out of their reach."""
    assert judge_target(actor, target) is Code.FORBIDDEN


@pytest.mark.parametrize("target", [MODERATOR, STAFF, VIP, MEMBER])
def test_the_owner_reaches_everybody_else(target: Person) -> None:
    """All but themselves."""
    assert judge_target(OWNER, target) is None


@given(people)
def test_nobody_is_their_own_target(person: Person) -> None:
    """The code says so, whatever the rank."""
    assert judge_target(person, person) is Code.SELF


@given(people, people)
def test_power_is_one_way(one: Person, other: Person) -> None:
    """If one reaches the other, the other doesn't reach the one."""
    if judge_target(one, other) is None:
        assert judge_target(other, one) is not None


def test_one_removes_ones_own_messages_and_those_of_lower_ranks() -> None:
    """A moderator's own message and a member's go; the owner's and another moderator's stay."""
    assert judge_removal(MODERATOR, MODERATOR) is None
    assert judge_removal(MODERATOR, MEMBER) is None
    assert judge_removal(MODERATOR, OWNER) is Code.FORBIDDEN
    assert judge_removal(MODERATOR, Person(9, "moderator")) is Code.FORBIDDEN


def test_the_modes_are_not_for_those_with_a_role() -> None:
    """VIPs, moderators, owners and staff speak in slow and followers-only rooms."""
    assert [bypasses_modes(person) for person in (OWNER, MODERATOR, STAFF, VIP, MEMBER, GUEST)] == [
        *(True, True, True, True, False, False)
    ]


def test_staff_count_as_moderators_but_an_owner_stays_owner() -> None:
    """Staff raises a rank to moderator and lowers none."""
    assert STAFF.rank is Rank.MODERATOR
    assert Person(1, "owner", is_staff=True).rank is Rank.OWNER
    assert not may_give(Person(1, "vip"), "moderator")
