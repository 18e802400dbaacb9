"""chat.sequencer: contiguous, once, whatever the order of arrival."""

from hypothesis import given
from hypothesis import strategies as st

from chat.room import Position
from chat.sequencer import HELD_MAX, Hole, Sequencer, Step

A, B = "019a00000000aaaaaaaa", "019b00000000aaaaaaaa"


def _started(offset: int = 0) -> Sequencer[str]:
    sequencer: Sequencer[str] = Sequencer()
    assert sequencer.start(A, offset) == Step()
    return sequencer


def test_what_comes_in_order_is_released_at_once() -> None:
    """And the position follows."""
    sequencer = _started(4)
    assert sequencer.feed(A, 5, "five") == Step([(5, "five")])
    assert sequencer.position == Position(A, 5)
    assert sequencer.feed(A, 5, "again") == Step()


def test_a_hole_is_reported_and_filled() -> None:
    """Entries behind the hole wait; the log's entries release them."""
    sequencer = _started()
    assert sequencer.feed(A, 3, "three") == Step(hole=Hole(0, 3))
    assert sequencer.feed(A, 1, "one") == Step([(1, "one")], Hole(1, 3))
    assert sequencer.fill(A, [(1, "one"), (2, "two")]) == Step([(2, "two"), (3, "three")])
    assert sequencer.fill(B, [(4, "four")]) == Step()


def test_what_comes_before_the_history_is_merged() -> None:
    """Live entries are held until the history's end is known; those it contains are dropped."""
    sequencer: Sequencer[str] = Sequencer()
    assert sequencer.position is None
    for offset in (4, 5, 6):
        assert sequencer.feed(A, offset, str(offset)) == Step()
    assert sequencer.start(A, 4) == Step([(5, "5"), (6, "6")])


def test_a_newer_log_replaces_an_older() -> None:
    """A later epoch asks for a new start; an echo of the lost one is dropped."""
    sequencer = _started(9)
    assert sequencer.feed(B, 1, "new") == Step(is_new_epoch=True)
    sequencer.pause()
    assert sequencer.feed(B, 2, "newer") == Step()
    assert sequencer.start(B, 1) == Step([(2, "newer")])
    assert sequencer.feed(A, 10, "old") == Step()
    sequencer.pause()
    sequencer.feed(B, 3, "x")
    assert sequencer.start(A, 9) == Step(is_new_epoch=True)


def test_what_is_heard_of_a_new_log_before_it_is_read_is_kept() -> None:
    """Its entry may be younger than the reading that it caused: it is delivered after it, not at the next check."""
    sequencer = _started(9)
    assert sequencer.feed(B, 2, "two") == Step(is_new_epoch=True)
    assert sequencer.feed(B, 3, "three") == Step(is_new_epoch=True)
    sequencer.pause()
    assert sequencer.start(B, 1) == Step([(2, "two"), (3, "three")])
    for offset in range(HELD_MAX + 50):
        sequencer.feed("019c", offset, "x")
    assert sequencer.start("019c", 0).released[-1][0] == HELD_MAX - 1


def test_what_is_held_is_bounded() -> None:
    """Beyond the bound entries are dropped (the log has them); the one that closes the hole never is."""
    early: Sequencer[int] = Sequencer()
    for offset in range(1, HELD_MAX + 50):
        early.feed(A, offset, offset)
    assert len(early.start(A, 0).released) == HELD_MAX
    late: Sequencer[int] = Sequencer()
    late.start(A, 0)
    for offset in range(2, HELD_MAX + 50):
        late.feed(A, offset, offset)
    assert len(late.feed(A, 1, 1).released) == HELD_MAX + 1


@given(st.lists(st.integers(1, 30), max_size=100), st.integers(0, 10))
def test_any_arrival_ends_in_the_log_itself(arrivals: list[int], known: int) -> None:
    """Whatever arrives how often, after one reading of the log everything was released once and in order."""
    sequencer = _started(known)
    released = []
    for offset in arrivals:
        released += sequencer.feed(A, offset, str(offset)).released
    released += sequencer.fill(A, [(offset, str(offset)) for offset in range(known + 1, 31)]).released
    assert released == [(offset, str(offset)) for offset in range(known + 1, 31)]
