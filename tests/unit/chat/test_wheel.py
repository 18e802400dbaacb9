"""chat.wheel: what falls due, when, and once."""

from hypothesis import given
from hypothesis import strategies as st

from chat.wheel import Wheel


def test_items_fall_due_in_their_slot() -> None:
    """Never early, at most a slot late, in order, once."""
    wheel = Wheel[str](0.5, 10, tick=100.0)
    wheel.add("later", 101.2)
    wheel.add("sooner", 100.3)
    assert len(wheel) == 2
    assert wheel.turn(100.2) == []
    assert wheel.turn(100.5) == ["sooner"]
    assert wheel.turn(101.4) == []
    assert wheel.turn(101.5) == ["later"]
    assert (wheel.turn(200), len(wheel)) == ([], 0)


def test_what_is_overdue_or_too_far() -> None:
    """The one falls due in the next turn, the other at the horizon."""
    wheel = Wheel[str](1, 5, tick=10)
    wheel.add("overdue", 3)
    wheel.add("far", 1000)
    assert wheel.turn(11) == ["overdue"]
    assert wheel.turn(15) == []
    assert wheel.turn(16) == ["far"]


def test_a_long_sleep_and_a_clock_that_goes_back() -> None:
    """Everything that fell due comes once; ticks before the last turn give nothing."""
    wheel = Wheel[int](1, 5, tick=0)
    for number in range(5):
        wheel.add(number, number)
    assert wheel.turn(1e6) == [0, 1, 2, 3, 4]
    wheel.add(5, 1e6 + 2)
    assert wheel.turn(10) == []
    assert wheel.turn(1e6 + 2) == [5]


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 3)), max_size=30))
def test_every_item_comes_once_and_in_time(steps: list[tuple[float, float]]) -> None:
    """Whatever is added and however time goes on."""
    wheel, tick, waiting = Wheel[int](0.25, 10, tick=0), 0.0, {}
    for number, (delay, step) in enumerate(steps):
        wheel.add(number, tick + delay)
        waiting[number] = tick + delay
        tick += step
        for item in wheel.turn(tick):
            assert waiting.pop(item) <= tick
        assert all(due > tick - 0.25 for due in waiting.values())
    assert sorted(wheel.turn(tick + 20)) == sorted(waiting)
