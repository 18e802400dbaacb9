import pytest

from media.costs import Costs
from media.ladder import Plan
from media.policy import Policy
from media.source import Source
from transcoder.ladders import GROW_CHECK_SECONDS, GROW_SECONDS, LOWER_PRIORITY, Ladders
from transcoder.placement import LEAST_CORES
from transcoder.pool import Pool
from transcoder.progress import Progress
from transcoder.shedding import SETTLE_SECONDS, SLOW_SECONDS, SPEED_SPAN_SECONDS

HD = Source("h264", 1280, 720, 30.0, is_copyable=True, audio_codec="aac", rate_hz=48_000, channels=2, video_kbps=3000.0)
SPAN = SETTLE_SECONDS + SPEED_SPAN_SECONDS + SLOW_SECONDS


def names(found: Plan) -> list[str]:
    return [rung.name for rung in found.video]


def test_a_ladder_holds_its_share_of_the_pool() -> None:
    """Planned within what others leave, and counted against them from then on."""
    pool = Pool(2.0)
    first = Ladders(Policy(), pool, "a").begin(HD, None, None, 0.0)
    assert names(first) == ["v1", "v2", "v3", "v4"]
    assert pool.means("b", 0.0).cores == pytest.approx(2.0 - first.cores)
    second = Ladders(Policy(), pool, "b")
    assert second.begin(HD, 2.0, None, 0.0).cores <= 2.0 - first.cores
    assert not second.wrapper


def test_what_does_not_fit_runs_behind_all_others() -> None:
    """It gets what they leave."""
    ladders = Ladders(Policy(copy=False), Pool(0.05), "a")
    assert not ladders.wrapper
    assert ladders.begin(HD, None, None, 0.0).is_over
    assert ladders.is_over
    assert ladders.wrapper == LOWER_PRIORITY


def test_a_slow_run_is_judged_by_its_reports() -> None:
    """Each report once; none before media has come out.  Then there is no room for another, either."""
    pool = Pool(9.0)
    ladders = Ladders(Policy(), pool, "a")
    ladders.begin(HD, None, None, 0.0)
    assert not ladders.is_too_slow(0.0, Progress(0.0, 0.0), 100.0)
    slow = []
    for tick in range(40):
        report = Progress(tick * 0.5 + 0.1, 0.5)
        if ladders.is_too_slow(float(tick), report, float(tick)):
            slow.append(tick)
        assert not ladders.is_too_slow(float(tick), report, float(tick))
    assert slow == [SPAN, SPAN * 2]
    assert Ladders(Policy(), pool, "b").begin(HD, None, None, slow[-1] + 1).is_over


def test_rungs_are_shed_one_by_one() -> None:
    """The most expensive below the top first, at last everything but a copy; then nothing less is possible."""
    ladders = Ladders(Policy(), Pool(9.0), "a")
    assert not ladders.shed(None)
    kept = [names(ladders.begin(HD, None, None, 0.0))]
    while ladders.shed(None):
        kept.append(names(found := ladders.begin(HD, None, 4, 0.0)))
    assert kept == [["v1", "v2", "v3", "v4"], ["v1", "v3", "v4"], ["v1", "v4"], ["v4"], ["v4"]]
    assert found.video[0].is_copied
    assert not found.is_over


def test_a_copy_that_could_not_be_cut_is_not_tried_again_on_the_same_source() -> None:
    """Another source may have better key frames."""
    ladders = Ladders(Policy(), Pool(9.0), "a")
    assert ladders.begin(HD, 2.0, None, 0.0).video[0].is_copied
    ladders.note_miscut()
    assert not ladders.begin(HD, 2.0, 4, 0.0).video[0].is_copied
    ladders.forget_source()
    assert ladders.begin(HD, 2.0, 4, 0.0).video[0].is_copied


def test_a_device_is_suspected_when_its_run_dies() -> None:
    """The next run is made without it."""
    ladders = Ladders(Policy(), Pool(9.0, Costs(), {"h264_nvenc": 2}), "a")
    ladders.note_death(0.0)
    assert ladders.begin(HD, None, None, 0.0).video[0].encoder == "h264_nvenc"
    ladders.note_death(1.0)
    assert ladders.begin(HD, None, 4, 2.0).video[0].encoder == "libx264"


def test_what_ffmpeg_takes_is_told_to_the_pool() -> None:
    """The first figure of a run is a beginning; a run that ended, or falls behind, tells nothing."""
    pool = Pool(4.0)
    ladders = Ladders(Policy(), pool, "a")
    ladders.measure(1.0, 2.0, 1.0)
    found = ladders.begin(HD, None, None, 0.0)
    ladders.measure(1.0, 2.0, 1.0)
    ladders.measure(0.0, 2.0, 1.0)
    ladders.measure(9.0, 2.0, 0.9)
    assert pool.means("b", 0.0).cores == pytest.approx(4.0 - found.cores)
    ladders.measure(13.0, 2.0, 1.0)
    assert pool.capacity("w").free < 4.0 - 2.0


def test_a_proven_top_is_copied_before_anything_is_shed() -> None:
    """It saves more than a rung, and nobody misses anything."""
    ladders = Ladders(Policy(), Pool(9.0), "a")
    assert not ladders.could_copy(2.0)
    assert not ladders.begin(HD, None, None, 0.0).video[0].is_copied
    assert not ladders.could_copy(4.0)
    assert ladders.shed(2.0)
    copied = ladders.begin(HD, 2.0, 4, 0.0)
    assert names(copied) == ["v1", "v2", "v3", "v4"]
    assert copied.video[0].is_copied
    assert not ladders.could_copy(2.0)
    ladders.note_miscut()
    ladders.begin(HD, 2.0, 4, 0.0)
    assert not ladders.could_copy(2.0)
    ladders.take(Plan((), follows_source_keys=False, cores=0.1), 0.0)
    ladders.forget_source()
    assert not ladders.could_copy(2.0)


def test_a_proven_top_makes_room_where_sessions_share_too_little() -> None:
    """A sole session goes on as it is, for a new run is seen."""
    pool = Pool(0.9)
    ladders = Ladders(Policy(), pool, "a")
    ladders.begin(HD, None, None, 0.0)
    assert not ladders.makes_room(2.0)
    pool.reserve("b")
    assert ladders.makes_room(2.0)
    assert not ladders.makes_room(None)
    ladders.begin(HD, 2.0, 4, 0.0)
    assert not ladders.makes_room(2.0)


def test_a_ladder_grows_once_there_has_been_room_for_long_enough() -> None:
    """Each rung has its place from the beginning: what comes later moves none."""
    pool = Pool(1.2)
    pool.hold("other", Plan((), follows_source_keys=False, cores=1.1, audio_kbps=128))
    ladders = Ladders(Policy(), pool, "a")
    assert names(ladders.begin(HD, 2.0, None, 0.0)) == ["v1"]
    assert not ladders.grow(2.0, 1, GROW_SECONDS + 1)
    pool.hold("other", Plan((), follows_source_keys=False, cores=0.55, audio_kbps=128))
    assert not ladders.grow(2.0, 1, GROW_SECONDS + 2)  # it asked a moment ago
    assert ladders.grow(2.0, 1, GROW_SECONDS + 1 + GROW_CHECK_SECONDS)
    assert names(ladders.begin(HD, 2.0, 1, 40.0)) == ["v1", "v3", "v4"]
    pool.release("other")
    assert not ladders.grow(2.0, 4, 40.0 + GROW_SECONDS)  # the second change waits twice as long
    assert ladders.grow(2.0, 4, 40.0 + 2 * GROW_SECONDS)
    assert names(ladders.begin(HD, 2.0, 4, 100.0)) == ["v1", "v2", "v3", "v4"]
    assert not ladders.grow(2.0, 4, 9999.0)  # it has all that it can have


def test_room_for_one_more_is_left_by_what_grows() -> None:
    """A picture that comes anew needs it."""
    whole = Ladders(Policy(), Pool(9.0), "a").begin(HD, 2.0, None, 0.0).cores
    for left, has_grown in ((0.9 * LEAST_CORES, False), (1.1 * LEAST_CORES, True)):
        ladders = Ladders(Policy(), Pool(whole + left), "a")
        ladders.begin(HD, 2.0, None, 0.0)
        assert ladders.shed(2.0)
        ladders.begin(HD, 2.0, 4, 0.0)
        assert ladders.grow(2.0, 4, 200.0) is has_grown


def test_what_was_shed_comes_back_later_each_time() -> None:
    """Each change is a break in the picture."""
    ladders = Ladders(Policy(), Pool(9.0), "a")
    ladders.begin(HD, 2.0, None, 0.0)
    tick, waits = 0.0, []
    for _ in range(4):
        assert ladders.shed(2.0)
        ladders.begin(HD, 2.0, 4, tick)
        began = tick
        while not ladders.grow(2.0, 4, tick):
            tick += 30.0
        assert names(ladders.begin(HD, 2.0, 4, tick)) == ["v1", "v2", "v3", "v4"]
        waits.append(tick - began)
    assert waits == [120.0, 960.0, 3600.0, 3600.0]


def test_nothing_grows_while_a_ladder_here_is_slow_or_a_job_waits_for_its_plan() -> None:
    """Room on paper is no room."""
    pool = Pool(9.0)
    ladders = Ladders(Policy(), pool, "a")
    ladders.begin(HD, 2.0, None, 0.0)
    assert ladders.shed(2.0)
    ladders.begin(HD, 2.0, 4, 0.0)
    pool.note_slow(110.0)
    assert not ladders.grow(2.0, 4, 120.0)
    pool.reserve("b")
    assert not ladders.grow(2.0, 4, 200.0)
    pool.release("b")
    assert ladders.grow(2.0, 4, 210.0)
