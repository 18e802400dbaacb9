"""The load generator is an honest referee: it sees what a server does wrong, and nothing where there is nothing."""

import asyncio
from pathlib import Path

import pytest

from bench.load.generator import Crowd, Step, compile_load, running_load
from tests.fakes.lying_chat import Lie, lying_chat

MEMBERS = 4
SAID = 20


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_load(tmp_path_factory.mktemp("load"))


async def talk(program: Path, lie: Lie, *, is_plain: bool) -> Step:
    """Four members, twenty messages in half a second."""
    async with lying_chat(lie, is_plain=is_plain) as port:
        crowd = Crowd(
            speech="plain" if is_plain else "leams",
            ports=[port],
            rooms=["7"],
            members=MEMBERS,
            senders=1,
            drain=1.5 if lie in {"skip", "swap", "forget"} else 10,
            reconnect_ms=50,
        )

        def run() -> Step:
            with running_load(program, crowd) as load:
                assert load.ready.ready == MEMBERS
                return load.talk(2 * SAID, 0.5, 0)

        return await asyncio.to_thread(run)


@pytest.mark.parametrize("is_plain", [True, False])
async def test_an_honest_server_has_no_errors(program: Path, *, is_plain: bool) -> None:
    """Every delivery is counted, and takes some time."""
    step = await talk(program, "none", is_plain=is_plain)
    assert (step.errors, step.closed, step.refused, step.unsent) == (0, {}, {}, 0)
    assert step.said == step.measured == SAID
    assert step.expected == step.deliveries == step.latency_ms.count == SAID * MEMBERS
    assert step.acked == (0 if is_plain else SAID)
    assert 0 < step.latency_ms.p50 <= step.latency_ms.p99 <= step.latency_ms.max < 1000


@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_message_that_one_member_never_gets_is_lost(program: Path, *, is_plain: bool) -> None:
    """One delivery, and the hole is seen as soon as the next message comes."""
    step = await talk(program, "skip", is_plain=is_plain)
    assert (step.lost, step.gaps, step.twice) == (1, 1, 0)


@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_message_that_comes_again_is_counted(program: Path, *, is_plain: bool) -> None:
    """Nothing is lost by it."""
    step = await talk(program, "repeat", is_plain=is_plain)
    assert (step.lost, step.twice) == (0, 1)
    assert step.deliveries == SAID * MEMBERS + 1


@pytest.mark.parametrize("is_plain", [True, False])
async def test_two_messages_in_the_wrong_order_are_seen(program: Path, *, is_plain: bool) -> None:
    """By one member; the others had them right."""
    step = await talk(program, "swap", is_plain=is_plain)
    assert step.errors >= 2
    assert step.gaps == 1


async def test_a_member_that_was_cut_off_recovers_by_its_position(program: Path) -> None:
    """What it missed comes in `joined`, so nothing is lost; and its absence is timed."""
    step = await talk(program, "cut", is_plain=False)
    assert (step.errors, step.closed) == (0, {"4001": 1})
    assert (step.recovered, step.unrecovered, step.back_ms.count) == (1, 0, 1)
    assert step.recovered_latency_ms.count >= 1
    assert step.latency_ms.count + step.recovered_latency_ms.count == SAID * MEMBERS


async def test_what_a_server_admits_to_have_lost_is_told_apart(program: Path) -> None:
    """A `joined` without `recovered`: the loss was declared, and counts as one all the same."""
    step = await talk(program, "forget", is_plain=False)
    assert (step.recovered, step.unrecovered) == (0, 1)
    assert step.declared_lost >= 1
    assert step.lost == 0
    assert step.errors == step.declared_lost
