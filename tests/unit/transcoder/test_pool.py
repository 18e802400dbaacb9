import pytest

from media.costs import Costs
from media.ladder import Plan, Rung
from transcoder.placement import LEAST_CORES, MOST_JOBS
from transcoder.pool import BANNED_SECONDS, EXPECTED_CORES, LOAD_HIGH, OWN_SECONDS, SLOW_SECONDS, Pool


def ladder(cores: float, *encoders: str) -> Plan:
    rungs = tuple(
        Rung(
            f"v{place}",
            640,
            360,
            30.0,
            700,
            is_copied=encoder == "",
            preset="",
            cores=0.1,
            encoder=encoder or "libx264",
        )
        for place, encoder in enumerate(encoders, 1)
    )
    return Plan(rungs, follows_source_keys=False, cores=cores)


def test_a_sessions_own_share_is_free_to_itself() -> None:
    """A new plan replaces the old one; others see what is held until it is let go."""
    pool = Pool(1.0)
    pool.hold("a", ladder(0.75))
    assert pool.means("a", 0.0).cores == 1.0
    assert pool.means("b", 0.0).cores == 0.25
    assert pool.capacity("w").free == 0.25
    pool.release("a")
    pool.release("a")
    assert pool.means("b", 0.0).cores == 1.0


def test_a_claimed_job_is_expected_to_cost_something() -> None:
    """Others see an ordinary ladder of it; a plan made meanwhile leaves it a copy's worth."""
    pool = Pool(2.0)
    pool.reserve("a")
    assert pool.capacity("w").free == pytest.approx(2.0 - EXPECTED_CORES)
    assert pool.means("b", 0.0).cores == pytest.approx(2.0 - LEAST_CORES)


def test_what_ladders_turn_out_to_cost_corrects_what_is_planned() -> None:
    """A session that takes more holds more at once; plans to come are made with the ratio, within bounds."""
    costs = Costs(session=0.0, rendition=0.0, sound=0.1, together=1.0)
    pool = Pool(4.0, costs)
    pool.hold("a", ladder(1.0))
    pool.measure("a", 1.5)
    assert pool.means("b", 0.0).cores == pytest.approx(4.0 - 1.5)
    assert 1.0 < pool.means("b", 0.0).costs.together < 1.5
    for _ in range(200):
        pool.measure("a", 9.0)
    assert pool.means("b", 0.0).cores == pytest.approx(4.0 - 9.0)
    assert pool.means("b", 0.0).costs.together == LOAD_HIGH
    assert pool.means("b", 0.0).costs.sound == pytest.approx(0.1 * LOAD_HIGH)
    assert pool.capacity("w").free == -5.0
    pool.measure("nobody", 1.0)
    pool.reserve("c")
    pool.measure("c", 1.0)


def test_what_was_learned_is_in_plans_once() -> None:
    """A ladder planned with corrected costs that takes what they say changes nothing."""
    costs = Costs(session=0.0, rendition=0.0)
    pool = Pool(8.0, costs)
    pool.hold("a", ladder(1.0))
    for _ in range(200):
        pool.measure("a", 1.5)
    pool.hold("b", ladder(3.0))
    for _ in range(200):
        pool.measure("b", 3.0)
        pool.measure("a", 1.5)
    assert pool.planned_cores == pytest.approx(4.5)


def test_what_a_guess_was_wrong_by_says_nothing_of_what_was_measured() -> None:
    """Calibration ends beside the first broadcasts: those hold what they take, and teach no longer."""
    pool = Pool(8.0, Costs(session=0.0, rendition=0.0))
    pool.hold("a", ladder(1.0))
    for _ in range(50):
        pool.measure("a", 1.9)
    measured = Costs(session=0.0, rendition=0.0, together=1.1)
    pool.equip(measured, {})
    for _ in range(50):
        pool.measure("a", 1.9)
    assert pool.means("b", 0.0).costs == measured
    assert pool.planned_cores == pytest.approx(1.9)


def test_a_machine_that_is_slower_than_it_said_has_no_room() -> None:
    """For a while: others take what comes, a newcomer is copied; who runs already keeps what was planned."""
    pool = Pool(8.0, Costs(session=0.0, rendition=0.0))
    pool.hold("a", ladder(1.0))
    pool.reserve("b")
    pool.note_slow(100.0)
    assert pool.capacity("w", 101.0).free == 0.0
    assert pool.means("b", 101.0).cores == 0.0
    assert pool.means("c", 101.0).cores == 0.0
    assert pool.means("a", 101.0).cores == pytest.approx(8.0 - LEAST_CORES)
    assert pool.capacity("w", 100.0 + SLOW_SECONDS).free == pytest.approx(7.0 - EXPECTED_CORES)
    assert pool.means("c", 100.0 + SLOW_SECONDS).cores == pytest.approx(7.0 - LEAST_CORES)


def test_cheap_pictures_make_room_but_only_so_much() -> None:
    """A ladder that takes less than was predicted holds the corrected prediction, never less than half."""
    pool = Pool(4.0, Costs(session=0.0, rendition=0.0))
    pool.hold("a", ladder(1.0))
    for _ in range(200):
        pool.measure("a", 0.1)
    assert pool.capacity("w").free == pytest.approx(3.5)


def test_one_measurement_is_not_believed_at_once() -> None:
    """Two seconds of FFmpeg scatter; what lasts is held."""
    pool = Pool(4.0, Costs(session=0.0, rendition=0.0))
    pool.hold("a", ladder(1.0))
    pool.measure("a", 1.0)
    pool.measure("a", 2.0)
    assert pool.planned_cores == pytest.approx(1.25)
    for _ in range(50):
        pool.measure("a", 2.0)
    assert pool.planned_cores == pytest.approx(2.0, abs=0.01)


def test_what_this_process_takes_itself_is_learned_apart() -> None:
    """Of all its broadcasts together; spans in which one came or went, or that are short, say nothing."""
    pool = Pool(4.0, Costs(session=0.1, rendition=0.0))
    pool.measure_own(5.0, 100.0)
    pool.measure_own(9.0, 110.0)
    assert pool.means("c", 0.0).costs.session == pytest.approx(0.1)
    pool.hold("a", ladder(1.0))
    pool.hold("b", ladder(0.1))
    pool.measure_own(20.0, 111.0)
    pool.measure_own(30.0, 111.0 + OWN_SECONDS / 2)
    assert pool.means("c", 0.0).costs.session == pytest.approx(0.1)
    for number in range(1, 200):
        pool.measure_own(20.0 + 0.3 * OWN_SECONDS * number, 111.0 + OWN_SECONDS * number)
    learned = pool.means("c", 0.0).costs
    assert learned.session == pytest.approx(0.15)
    assert learned.together == Costs().together
    assert pool.planned_cores == pytest.approx(1.1 + 2 * 0.05)


def test_encoder_sessions_are_counted() -> None:
    """What others use is not there; what a session itself uses is; x264 and copies need none."""
    pool = Pool(4.0, Costs(), {"h264_nvenc": 3})
    pool.hold("a", ladder(1.0, "", "h264_nvenc", "h264_nvenc", "libx264"))
    assert pool.means("b", 0.0).sessions == {"h264_nvenc": 1}
    assert pool.means("a", 0.0).sessions == {"h264_nvenc": 3}
    assert pool.capacity("w").encoders == ("h264_nvenc",)


def test_sessions_are_a_devices_whatever_the_codec() -> None:
    """Drivers count them all together; encoders of the processor have each their own."""
    pool = Pool(4.0, Costs(), {"h264_nvenc": 3, "hevc_nvenc": 3, "libx265": 64})
    pool.hold("a", ladder(1.0, "h264_nvenc", "h264_nvenc", "libx265"))
    assert pool.means("b", 0.0).sessions == {"h264_nvenc": 1, "hevc_nvenc": 1, "libx265": 63}


def test_an_encoder_that_failed_is_left_alone_for_a_while() -> None:
    """Then it is tried again; one that nobody knows does no harm."""
    pool = Pool(4.0, Costs(), {"h264_nvenc": 3})
    pool.ban("h264_nvenc", 100.0)
    pool.ban("h264_other", 100.0)
    assert pool.means("a", 101.0).sessions == {}
    assert pool.means("a", 100.0 + BANNED_SECONDS).sessions == {"h264_nvenc": 3}


def test_jobs_are_bounded_whatever_they_cost() -> None:
    """Descriptors and memory are what a copy takes."""
    pool = Pool(1000.0)
    for number in range(MOST_JOBS):
        assert not pool.is_full
        pool.hold(str(number), ladder(0.0))
    assert pool.is_full


def test_the_newest_session_is_known() -> None:
    """How many came after one."""
    pool = Pool(1.0)
    for name in "abc":
        pool.reserve(name)
    pool.hold("a", ladder(0.5))
    assert [pool.later_than(name) for name in "abcd"] == [2, 1, 0, 0]
