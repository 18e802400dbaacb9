from transcoder.shedding import LATER_SECONDS, SETTLE_SECONDS, SLOW_SECONDS, SPEED_SPAN_SECONDS, Shedder

SPAN = SETTLE_SECONDS + SPEED_SPAN_SECONDS + SLOW_SECONDS


def shed_after(
    speed: float, *, fed_speed: float = 1.0, later_sessions: int = 0, seconds: float = 60.0, every: float = 0.5
) -> float | None:
    """Seconds until a rung is shed, at these speeds from the start on."""
    shedder = Shedder(0.0)
    tick = 0.0
    while tick < seconds:
        if shedder.note(tick * fed_speed, tick * speed, tick, later_sessions=later_sessions):
            return tick
        tick += every
    return None


def test_a_run_at_full_speed_sheds_nothing() -> None:
    """Nor at 0.98, nor when it works up what had come before."""
    assert shed_after(1.0) is None
    assert shed_after(0.98) is None
    assert shed_after(1.3) is None


def test_ten_slow_seconds_shed_a_rung() -> None:
    """Counted from when the run has settled."""
    assert shed_after(0.97) == SPAN
    assert shed_after(0.0) == SPAN


def test_an_older_session_waits_for_the_newer_ones() -> None:
    """They may make enough room."""
    assert shed_after(0.9, later_sessions=2) == SPAN + 2 * LATER_SECONDS


def test_an_encoder_that_sends_slowly_is_not_ours_to_mend() -> None:
    """What comes in goes out: the machine has room enough."""
    assert shed_after(0.5, fed_speed=0.5) is None
    assert shed_after(0.0, fed_speed=0.0) is None
    assert shed_after(0.45, fed_speed=0.5) == SPAN


def test_a_slow_moment_is_forgiven() -> None:
    """Five slow seconds, then full speed: only ten in a row count."""
    shedder = Shedder(0.0)
    out = 0.0
    for step in range(400):
        tick = step / 2
        out += 0.25 if 20 <= tick < 25 else 0.51
        assert not shedder.note(tick, out, tick)


def test_one_shedding_is_given_time_to_help() -> None:
    """The next one is ten settled seconds away; a run may be judged by few ticks."""
    shedder = Shedder(0.0)
    shed = [tick for tick in range(60) if shedder.note(tick, tick * 0.9, tick)]
    assert shed == [SPAN, 2 * SPAN, 3 * SPAN]
    rare = Shedder(0.0)
    assert [tick for tick in (0, 30, 60, 90) if rare.note(tick, tick * 0.5, tick)] == [90]
