import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ladder import LEAST_KBPS, Plan, Policy, plan
from media.source import Source

POLICY = Policy()
HD = Source("h264", 1280, 720, 30.0, is_copyable=True, audio_codec="aac", rate_hz=48_000, channels=2, video_kbps=3000.0)
SOURCES = st.builds(
    Source,
    video_codec=st.just("h264"),
    width=st.integers(16, 4096),
    height=st.integers(16, 2304),
    fps=st.floats(1, 240),
    is_copyable=st.booleans(),
    audio_codec=st.sampled_from([None, "aac"]),
    rate_hz=st.just(48_000),
    channels=st.just(2),
    video_kbps=st.one_of(st.just(0.0), st.floats(10, 50_000)),
)
GOPS = st.one_of(st.none(), st.floats(0, 12))


def shape(found: Plan) -> list[tuple[int, int, float]]:
    return [(rung.width, rung.height, rung.fps) for rung in found.video]


def test_a_720p_source_on_two_cores() -> None:
    """Top re-encoded while its key frames are unproven, three below."""
    found = plan(HD, POLICY, cores=1.7)
    assert shape(found) == [(1280, 720, 30), (854, 480, 30), (640, 360, 30), (426, 240, 30)]
    assert [rung.name for rung in found.video] == ["v1", "v2", "v3", "v4"]
    assert not found.follows_source_keys
    assert found.cores < 1


@pytest.mark.parametrize(
    ("gop_seconds", "is_copied"),
    [(None, False), (2.0, True), (1.0, True), (2.04, True), (0.5, True), (1.5, False), (4.0, False), (0.0, False)],
)
def test_the_top_is_copied_where_whole_gops_fit_a_segment(gop_seconds: float | None, is_copied: bool) -> None:  # noqa: FBT001  # a table
    """A proven distance that divides two seconds; encoded rungs then follow the source."""
    found = plan(HD, POLICY, cores=1.7, gop_seconds=gop_seconds)
    assert found.video[0].is_copied is is_copied
    assert found.follows_source_keys is is_copied
    assert not any(rung.is_copied for rung in found.video[1:])


def test_a_format_that_players_do_not_take_is_never_copied() -> None:
    """10 bit, 4:4:4, interlaced or faster than 60 a second, whatever its key frames."""
    assert not plan(replace(HD, fps=120.0), POLICY, cores=1.7, gop_seconds=2.0).video[0].is_copied
    assert not plan(replace(HD, is_copyable=False), POLICY, cores=1.7, gop_seconds=2.0).video[0].is_copied


def test_rates_halve_below_the_top_only() -> None:
    """60 → 30 and 50 → 25; the top keeps its rate, other rates stay."""
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=60.0), POLICY, cores=9))] == [60, 30, 30, 30]
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=50.0), POLICY, cores=9))] == [50, 25, 25, 25]
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=48.0), POLICY, cores=9))] == [48, 48, 48, 48]
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=120.0), POLICY, cores=9))] == [60, 30, 30, 30]
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=240.0), POLICY, cores=99))] == [60, 30, 30, 30]


def test_a_small_machine_sheds_the_most_expensive_below_the_top() -> None:
    """Fewer cores, fewer rungs; what is left keeps its order, and one always remains."""
    full = replace(HD, width=1920, height=1080, fps=60.0, video_kbps=6000.0)
    assert [height for _, height, _ in shape(plan(full, POLICY, cores=9))] == [1080, 720, 480, 360]
    assert [height for _, height, _ in shape(plan(full, POLICY, cores=2.25))] == [1080, 480, 360]
    assert [height for _, height, _ in shape(plan(full, POLICY, cores=2.1))] == [1080, 360]
    assert [height for _, height, _ in shape(plan(full, POLICY, cores=2.0))] == [1080]
    assert [height for _, height, _ in shape(plan(full, POLICY, cores=1.0))] == [720]
    assert [height for _, height, _ in shape(plan(full, POLICY, cores=0.8))] == [480]
    assert [height for _, height, _ in shape(plan(full, POLICY, cores=0.0))] == [360]


def test_a_copied_top_is_cheap() -> None:
    """Where the machine is full, the copy alone remains: it costs no encoder and no decoder."""
    found = plan(HD, POLICY, cores=0.05, gop_seconds=2.0)
    assert [rung.is_copied for rung in found.video] == [True]
    assert found.cores <= 0.05


def test_sound_alone_has_no_rungs() -> None:
    """The audio rendition is always there and is not a rung."""
    found = plan(replace(HD, video_codec=None, width=0, height=0, fps=0.0), POLICY, cores=1.7)
    assert found.video == ()
    assert 0 < found.cores < 0.1


def test_a_tiny_source_has_one_rung() -> None:
    """Nothing to choose from below 160 lines, or below bits that are worth it."""
    assert shape(plan(replace(HD, width=160, height=90), POLICY, cores=1.7)) == [(160, 90, 30)]
    assert len(plan(replace(HD, video_kbps=80.0), POLICY, cores=1.7).video) == 1


def test_bits_fall_from_rung_to_rung_and_never_exceed_the_source() -> None:
    """A source of few bits makes a ladder of fewer."""
    rates = [rung.kbps for rung in plan(replace(HD, video_kbps=400.0), POLICY, cores=1.7).video]
    assert rates[0] == 400
    assert rates == sorted(rates, reverse=True)
    assert all(later <= 0.66 * earlier for earlier, later in itertools.pairwise(rates))


@pytest.mark.parametrize(
    ("height", "kbps"), [(2160, 4500), (1080, 4500), (900, 3500), (720, 2500), (240, 350), (160, 180), (80, 90)]
)
def test_rates_between_the_rows(height: int, kbps: int) -> None:
    """Between two rows by height, below the last in proportion, above the first as the first."""
    found = plan(replace(HD, width=height * 16 // 9, height=height, video_kbps=0.0), POLICY, cores=9)
    assert found.video[0].kbps == kbps


def test_a_broadcast_that_goes_on_keeps_its_number_of_rungs() -> None:
    """More steps than wanted: the top and the lowest; fewer: the lowest again with fewer bits."""
    assert [height for _, height, _ in shape(plan(HD, POLICY, cores=0.1, rungs=3))] == [720, 360, 240]
    assert [height for _, height, _ in shape(plan(HD, POLICY, cores=0.1, rungs=1))] == [720]
    small = plan(replace(HD, width=160, height=90), POLICY, cores=9, rungs=3)
    assert shape(small) == [(160, 90, 30)] * 3
    assert small.video[0].kbps > small.video[1].kbps > small.video[2].kbps or small.video[2].kbps == LEAST_KBPS
    copied = plan(replace(HD, width=160, height=90), POLICY, cores=9, rungs=2, gop_seconds=2.0)
    assert [rung.is_copied for rung in copied.video] == [True, False]
    assert copied.video[1].preset


def test_a_copied_rung_without_a_claimed_rate_is_estimated() -> None:
    """Metadata may be silent: the table's value stands in."""
    assert plan(replace(HD, video_kbps=0.0), POLICY, cores=9, gop_seconds=2.0).video[0].kbps == 2500


@given(SOURCES, st.floats(0, 16), GOPS, st.one_of(st.none(), st.integers(1, 6)))
def test_rules_hold_for_every_source(
    source: Source, cores: float, gop_seconds: float | None, rungs: int | None
) -> None:
    """Never upscaled, even sides, one to four rungs or what was asked, unique names, in budget or one rung."""
    found = plan(source, POLICY, cores=cores, gop_seconds=gop_seconds, rungs=rungs)
    assert len(found.video) == rungs if rungs else 1 <= len(found.video) <= 4
    assert len({rung.name for rung in found.video}) == len(found.video)
    for rung in found.video:
        if rung.is_copied:
            assert (rung.width, rung.height) == (source.width, source.height)
            continue
        assert rung.height % 2 == rung.width % 2 == 0
        assert rung.height <= source.height
        assert rung.fps <= max(source.fps, 1)
        assert rung.fps <= 60.5
        assert rung.kbps >= LEAST_KBPS
        assert rung.preset
    if rungs is None and len(found.video) > 1:
        assert found.cores <= cores or all(rung.cores == 0 for rung in found.video[:1])
