import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.placement import (
    DOUBT_SECONDS,
    FULL_SECONDS,
    LEAST_CORES,
    LONGEST_SECONDS,
    MOST_CORES,
    MOST_JOBS,
    STEP_SECONDS,
    Capacity,
    Trust,
    patience_seconds,
)

ANY = st.builds(
    Capacity, worker=st.text(max_size=3), cores=st.floats(), free=st.floats(), jobs=st.integers(-5, MOST_JOBS + 5)
)


def worker(name: str, free: float, cores: float = 2.0, jobs: int = 0) -> Capacity:
    return Capacity(name, cores, free, jobs)


def test_a_sole_worker_never_waits() -> None:
    """Whether it has room or not: its own entry in the list says nothing."""
    for free in (2.0, 0.0, -3.0):
        assert patience_seconds(worker("a", free), [worker("a", free)]) == 0
        assert patience_seconds(worker("a", free), []) == 0


def test_the_one_with_the_most_room_is_first() -> None:
    """Each waits a step for every worker with clearly more; equals take at once."""
    workers = [worker("a", 2.0), worker("b", 1.95), worker("c", 1.5), worker("d", 1.0), worker("e", 0.5)]
    waits = [patience_seconds(one, workers) for one in workers]
    assert waits == pytest.approx([0, 0, 2 * STEP_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS])


def test_room_is_measured_against_ones_own_size() -> None:
    """A tenth of a large room is no clear difference."""
    assert patience_seconds(worker("a", 30.0, 32.0), [worker("b", 32.0, 32.0)]) == 0
    assert patience_seconds(worker("a", 28.0, 32.0), [worker("b", 32.0, 32.0)]) == STEP_SECONDS


def test_a_worker_without_room_leaves_a_job_to_one_with() -> None:
    """But not for ever: who says that it has room may be asleep; among full ones nobody waits."""
    full = worker("a", LEAST_CORES / 2)
    assert patience_seconds(full, [worker("b", 1.0)]) == pytest.approx(STEP_SECONDS + FULL_SECONDS)
    assert patience_seconds(full, [worker("b", LEAST_CORES / 2)]) == 0
    crowded = worker("a", 1.0, jobs=MOST_JOBS)
    assert not crowded.has_room
    assert patience_seconds(crowded, [worker("b", 1.9, jobs=MOST_JOBS)]) == 0


@pytest.mark.parametrize(
    ("cores", "free", "jobs"),
    [
        (-1.0, -1.0, 0),
        (0.0, 0.0, 0),
        (math.nan, 1.0, 0),
        (2.0, math.nan, 0),
        (2.0, math.inf, 0),
        (2.0, -math.inf, 0),
        (math.inf, 5.0, 0),
        (MOST_CORES * 2, MOST_CORES, 0),
        (2.0, 3.0, 0),
        (2.0, 1.0, -1),
        (2.0, 1.0, MOST_JOBS + 1),
    ],
)
def test_a_worker_that_lies_is_not_waited_for(cores: float, free: float, jobs: int) -> None:
    """Negative, not a number, endless, more free than there is: as if it were not there."""
    liar = Capacity("liar", cores, free, jobs)
    assert not liar.is_believable
    assert patience_seconds(worker("a", 0.5), [liar]) == 0


@given(ANY, st.lists(ANY, max_size=60))
def test_no_list_holds_a_job_up_for_long(own: Capacity, others: list[Capacity]) -> None:
    """Whatever anybody says: a second at most."""
    assert 0 <= patience_seconds(own, others) <= LONGEST_SECONDS + FULL_SECONDS
    assert patience_seconds(own, []) == 0


def test_who_leaves_a_job_standing_is_not_waited_for() -> None:
    """After its turn is over, for a while; those whose turn comes later, and liars, are as before."""
    sleeper, honest, third = worker("sleeper", 900.0, 1000.0), worker("honest", 2.0), worker("third", 1.0)
    others = [sleeper, honest, third, Capacity("liar", -1.0, -1.0, 0)]
    trust = Trust()
    assert trust.trusted(others, 0.0) == others
    trust.doubt(others, STEP_SECONDS / 2, 0.0)
    assert trust.trusted(others, 0.0) == others
    trust.doubt(others, STEP_SECONDS, 0.0)
    assert trust.trusted(others, 1.0) == others[1:]
    assert patience_seconds(honest, trust.trusted(others, 1.0)) == 0
    assert patience_seconds(third, trust.trusted(others, 1.0)) == STEP_SECONDS
    assert trust.trusted(others, DOUBT_SECONDS) == others
