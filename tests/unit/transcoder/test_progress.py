from hypothesis import given
from hypothesis import strategies as st

from transcoder.progress import MAX_LINE_BYTES, Progress, ProgressReader, Watchdog


def report(out_us: object) -> bytes:
    return f"frame=1\nout_time_us={out_us}\nspeed=1x\nprogress=continue\n".encode()


def test_reports_are_collected_from_lines() -> None:
    """However the bytes are cut; N/A keeps the last time."""
    reader = ProgressReader()
    data = report("N/A") + report(1_500_000)
    found = [item for at in range(len(data)) for item in reader.feed(data[at : at + 1], 0.0)]
    assert [item.out_seconds for item in found] == [0.0, 1.5]


def test_speed_is_of_the_last_seconds() -> None:
    """Unknown at first; then media seconds a second, whatever happened before."""
    reader = ProgressReader()
    speeds = [reader.feed(report(1_000_000 * second), float(second))[0].speed for second in range(1, 9)]
    assert speeds[:3] == [0.0, 0.0, 0.0]
    assert speeds[3:] == [1.0] * 5
    for second in range(9, 30):
        (last,) = reader.feed(report(8_000_000 + 500_000 * (second - 8)), float(second))
    assert last.speed == 0.5


@given(st.binary(max_size=300))
def test_garbage_says_nothing(garbage: bytes) -> None:
    """Never an exception, and memory stays bounded."""
    reader = ProgressReader()
    reader.feed(garbage, 0.0)
    reader.feed(b"x" * 3 * MAX_LINE_BYTES, 0.0)
    assert len(reader._buffer) <= MAX_LINE_BYTES


def test_a_stall_is_five_seconds_without_progress_while_fed() -> None:
    """Standing time counts as none; an advance begins anew."""
    watchdog = Watchdog(0.0)
    watchdog.note_fed(1.0)
    watchdog.note_out(Progress(1.0, 1.0), 2.0)
    for tick in (3.0, 5.0, 7.0):
        watchdog.note_fed(tick)
        watchdog.note_out(Progress(1.0, 1.0), tick)
    assert not watchdog.is_stalled(6.9)
    assert watchdog.is_stalled(7.0)
    watchdog.note_out(Progress(1.1, 1.0), 7.0)
    assert not watchdog.is_stalled(11.9)


def test_a_silent_encoder_is_no_stall_of_ffmpeg() -> None:
    """Without input there is nothing to get on with; after the pause it has five seconds again."""
    watchdog = Watchdog(0.0)
    watchdog.note_fed(1.0)
    assert not watchdog.is_stalled(20.0)
    watchdog.note_fed(20.0)
    assert not watchdog.is_stalled(24.9)
    watchdog.note_fed(22.0)
    watchdog.note_fed(24.0)
    assert watchdog.is_stalled(25.0)
