import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.costs import Costs
from media.ladder import Means, Plan, Rung, costliest, plan
from media.policy import LEAST_KBPS, Policy, Step
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
    found = plan(HD, POLICY, Means(1.7))
    assert shape(found) == [(1280, 720, 30), (854, 480, 30), (640, 360, 30), (426, 240, 30)]
    assert [rung.name for rung in found.video] == ["v1", "v2", "v3", "v4"]
    assert not found.follows_source_keys
    assert 0.9 < found.cores < 1.1


def test_an_upright_picture_is_planned_by_its_shorter_side() -> None:
    """A phone's 1080x1920 is a 1080p source: the same rungs as of 1920x1080, turned."""
    wide = replace(HD, width=1920, height=1080, video_kbps=6000.0)
    upright = replace(wide, width=1080, height=1920)
    turned = [(height, width, fps) for width, height, fps in shape(plan(wide, POLICY, Means(99.0)))]
    found = plan(upright, POLICY, Means(99.0))
    assert shape(found) == turned
    assert [rung.kbps for rung in found.video] == [rung.kbps for rung in plan(wide, POLICY, Means(99.0)).video]
    assert [rung.preset for rung in found.video] == [rung.preset for rung in plan(wide, POLICY, Means(99.0)).video]


@pytest.mark.parametrize(
    ("gop_seconds", "is_copied"),
    [(None, False), (2.0, True), (1.0, True), (2.04, True), (0.5, True), (1.5, False), (4.0, False), (0.0, False)],
)
def test_the_top_is_copied_where_whole_gops_fit_a_segment(gop_seconds: float | None, is_copied: bool) -> None:  # noqa: FBT001  # a table
    """A proven distance that divides two seconds; encoded rungs then follow the source."""
    found = plan(HD, POLICY, Means(1.7), gop_seconds=gop_seconds)
    assert found.video[0].is_copied is is_copied
    assert found.follows_source_keys is is_copied
    assert not any(rung.is_copied for rung in found.video[1:])


def test_a_format_that_players_do_not_take_is_never_copied() -> None:
    """10 bit, 4:4:4, interlaced or faster than 60 a second, whatever its key frames."""
    assert not plan(replace(HD, fps=120.0), POLICY, Means(1.7), gop_seconds=2.0).video[0].is_copied
    assert not plan(replace(HD, is_copyable=False), POLICY, Means(1.7), gop_seconds=2.0).video[0].is_copied


def test_rates_halve_below_the_top_only() -> None:
    """60 → 30 and 50 → 25; the top keeps its rate, other rates stay."""
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=60.0), POLICY, Means(9)))] == [60, 30, 30, 30]
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=50.0), POLICY, Means(9)))] == [50, 25, 25, 25]
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=48.0), POLICY, Means(9)))] == [48, 48, 48, 48]
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=120.0), POLICY, Means(9)))] == [60, 30, 30, 30]
    assert [fps for _, _, fps in shape(plan(replace(HD, fps=240.0), POLICY, Means(99)))] == [60, 30, 30, 30]


def test_a_small_machine_sheds_the_most_expensive_below_the_top() -> None:
    """Fewer cores, fewer rungs; what is left keeps its order, and one always remains."""
    full = replace(HD, width=1920, height=1080, fps=60.0, video_kbps=6000.0, is_copyable=False)
    costs = Costs(decoded=0.004, scaled=1e-9, high=0.01, low=0.02, sound=0.0, session=0.0, rendition=0.0, together=1.0)
    # decoding 0.498, then 1.244 + 0.276 + 0.246 + 0.138
    for cores, heights in (
        (2.41, [1080, 720, 480, 360]),
        (2.2, [1080, 480, 360]),
        (1.9, [1080, 360]),
        (1.8, [1080]),
        (1.0, [720]),
        (0.76, [480]),
        (0.7, [360]),
    ):
        found = plan(full, POLICY, Means(cores, costs))
        assert [height for _, height, _ in shape(found)] == heights
        assert not found.is_over
    nothing = plan(full, POLICY, Means(0.0, costs))
    assert [height for _, height, _ in shape(nothing)] == [360]
    assert nothing.is_over


def test_where_nothing_fits_a_copy_is_tried_on_trust() -> None:
    """An unproven distance of key frames may be a good one; one that is proven bad, or was tried in vain, is not."""
    found = plan(HD, POLICY, Means(0.08))
    assert [rung.is_copied for rung in found.video] == [True]
    assert found.follows_source_keys
    assert not found.is_over
    for other in (
        plan(HD, POLICY, Means(0.08), may_copy=False),
        plan(HD, POLICY, Means(0.08), gop_seconds=4.0),
        plan(HD, Policy(copy=False), Means(0.08)),
        plan(replace(HD, is_copyable=False), POLICY, Means(0.08)),
        plan(replace(HD, fps=120.0), POLICY, Means(0.08)),
    ):
        assert [(rung.height, rung.is_copied) for rung in other.video] == [(240, False)]
        assert other.is_over


def test_a_copied_top_is_cheap() -> None:
    """Where the machine is full, the copy alone remains: it costs no encoder and no decoder."""
    found = plan(HD, POLICY, Means(0.08), gop_seconds=2.0)
    assert [rung.is_copied for rung in found.video] == [True]
    assert found.cores <= 0.08


def test_sound_alone_has_no_rungs() -> None:
    """The audio rendition is always there and is not a rung."""
    found = plan(replace(HD, video_codec=None, width=0, height=0, fps=0.0), POLICY, Means(1.7))
    assert found.video == ()
    assert 0 < found.cores < 0.1


def test_a_source_above_the_table_has_no_rung_twice() -> None:
    """Its top is the table's, and the next one is well below that; a copied top has the table's below it."""
    large = replace(HD, width=3840, height=2160, video_kbps=20_000.0)
    assert [height for _, height, _ in shape(plan(large, POLICY, Means(99.0)))] == [1080, 720, 480, 360]
    copied = plan(large, POLICY, Means(99.0), gop_seconds=2.0)
    assert [height for _, height, _ in shape(copied)] == [2160, 1080, 720, 480]
    small = Policy(rungs=(Step(240, 300), Step(128, 100)))
    assert [height for _, height, _ in shape(plan(HD, small, Means(99.0)))] == [240, 128]


def test_a_tiny_source_has_one_rung() -> None:
    """Nothing to choose from below 160 lines, or below bits that are worth it."""
    assert shape(plan(replace(HD, width=160, height=90), POLICY, Means(1.7))) == [(160, 90, 30)]
    assert len(plan(replace(HD, video_kbps=80.0), POLICY, Means(1.7)).video) == 1


def test_bits_fall_from_rung_to_rung_and_never_exceed_the_source() -> None:
    """A source of few bits makes a ladder of fewer."""
    rates = [rung.kbps for rung in plan(replace(HD, video_kbps=400.0), POLICY, Means(1.7)).video]
    assert rates[0] == 400
    assert rates == sorted(rates, reverse=True)
    assert all(later <= 0.66 * earlier for earlier, later in itertools.pairwise(rates))


@pytest.mark.parametrize(
    ("height", "kbps"), [(2160, 4500), (1080, 4500), (900, 3500), (720, 2500), (240, 350), (160, 180), (80, 90)]
)
def test_rates_between_the_rows(height: int, kbps: int) -> None:
    """Between two rows by height, below the last in proportion, above the first as the first."""
    found = plan(replace(HD, width=height * 16 // 9, height=height, video_kbps=0.0), POLICY, Means(9))
    assert found.video[0].kbps == kbps


def test_a_broadcast_that_goes_on_keeps_its_places() -> None:
    """More steps than wanted: the top and the lowest; fewer: the lowest again with fewer bits."""
    assert [height for _, height, _ in shape(plan(HD, POLICY, Means(9.0), rungs=3))] == [720, 360, 240]
    assert [height for _, height, _ in shape(plan(HD, POLICY, Means(9.0), rungs=1))] == [720]
    small = plan(replace(HD, width=160, height=90), POLICY, Means(9.0), rungs=3)
    assert shape(small) == [(160, 90, 30)] * 3
    assert small.video[0].kbps > small.video[1].kbps > small.video[2].kbps or small.video[2].kbps == LEAST_KBPS
    copied = plan(replace(HD, width=160, height=90), POLICY, Means(9.0), rungs=2, gop_seconds=2.0)
    assert [rung.is_copied for rung in copied.video] == [True, False]
    assert copied.video[1].preset
    assert copied.video[1].cores > 0


def test_what_costs_too_much_leaves_its_place_empty() -> None:
    """A broadcast that goes on with less room, or whose rung was shed: the others keep their names."""
    full = plan(HD, POLICY, Means(9.0), rungs=4)
    less = plan(HD, POLICY, Means(full.cores - 0.01), rungs=4)
    assert [rung.name for rung in less.video] == ["v1", "v3", "v4"]
    shed = plan(HD, POLICY, Means(9.0), rungs=4, without={"v1", "v3"})
    assert [rung.name for rung in shed.video] == ["v2", "v4"]
    assert [rung.height for rung in shed.video] == [480, 240]
    last = plan(HD, POLICY, Means(9.0), rungs=2, without={"v1", "v2"})
    assert [rung.name for rung in last.video] == ["v2"]


def test_a_policy_is_obeyed() -> None:
    """Its table, its number, its copy, its sound; a picture may be left out."""
    site = Policy(rungs=(Step(600, 1000), Step(300, 400)), max_rungs=1, audio_kbps=64, crf=30, copy=False)
    found = plan(HD, site, Means(9.0), gop_seconds=2.0)
    assert [(rung.height, rung.kbps, rung.is_copied) for rung in found.video] == [(600, 1000, False)]
    assert (found.audio_kbps, found.crf) == (64, 30)
    deaf = plan(HD, Policy(sound_only=True), Means(0.0))
    assert deaf.video == ()
    assert deaf.is_over


def test_devices_are_used_as_long_as_they_have_sessions() -> None:
    """The top first; x264 makes the rest; a policy may forbid devices, and then the top is x264's."""
    means = Means(9.0, sessions={"h264_nvenc": 2, "h264_vaapi": 1})
    found = plan(HD, POLICY, means)
    assert [rung.encoder for rung in found.video] == ["h264_nvenc", "h264_nvenc", "h264_vaapi", "libx264"]
    assert found.cores < plan(HD, POLICY, Means(9.0)).cores
    plain = plan(HD, Policy(hardware=False), means)
    assert {rung.encoder for rung in plain.video} == {"libx264"}
    copied = plan(HD, POLICY, means, gop_seconds=2.0)
    assert [rung.encoder for rung in copied.video[1:]] == ["h264_nvenc", "h264_nvenc", "h264_vaapi"]


def test_a_devices_sessions_are_one_budget_for_all_its_codecs() -> None:
    """Three in all: what H.264 takes HEVC has no more."""
    policy = Policy(codecs=("h264", "hevc"), codec_rungs=2)
    means = Means(9.0, sessions={"h264_nvenc": 3, "hevc_nvenc": 3})
    full = plan(HD, policy, means)
    assert [rung.encoder for rung in full.video] == ["h264_nvenc", "h264_nvenc", "h264_nvenc", "libx264"]
    copied = plan(replace(HD, width=640, height=360, video_kbps=800.0), policy, means, gop_seconds=2.0)
    assert sum(rung.encoder.endswith("nvenc") for rung in copied.video) <= 3
    assert any(rung.encoder == "hevc_nvenc" for rung in copied.video)


def test_other_codecs_come_beside_and_go_first() -> None:
    """Where an encoder and room are left, the best rungs again; without either nothing is missing."""
    policy = Policy(codecs=("h264", "av1", "hevc"), codec_rungs=2)
    means = Means(9.0, sessions={"libsvtav1": 8, "hevc_nvenc": 1})
    found = plan(HD, policy, means, gop_seconds=2.0)
    assert [(rung.name, rung.encoder, rung.codec) for rung in found.video[4:]] == [
        ("av1_1", "libsvtav1", "av1"), ("av1_2", "libsvtav1", "av1"), ("hevc_1", "hevc_nvenc", "hevc"),
    ]  # fmt: skip
    assert found.video[4].kbps == round(3000 * 0.6)
    assert (found.video[4].width, found.video[4].height) == (1280, 720)
    assert [rung.codec for rung in plan(HD, policy, Means(9.0)).video] == ["h264"] * 4
    h264 = plan(HD, POLICY, Means(9.0))
    assert len(plan(HD, policy, replace(means, cores=h264.cores + 0.01)).video) < 7


def rungs(*figures: tuple[str, float, bool, str]) -> list[Rung]:
    return [
        Rung(name, 1280, 720, 30.0, 1000, is_copied=is_copied, preset="", cores=cores, encoder=encoder)
        for name, cores, is_copied, encoder in figures
    ]


def test_what_is_shed_first() -> None:
    """Another codec, the most expensive below the top, then an encoded top; the last one stays."""
    assert costliest(rungs(("v1", 1, False, "libx264"), ("v2", 0.5, False, "libx264"), ("av1_1", 0.1, False, "libsvtav1"))) == "av1_1"  # fmt: skip  # noqa: E501  # a row
    three = rungs(("v1", 1, False, "libx264"), ("v2", 0.2, False, "libx264"), ("v3", 0.3, False, "libx264"))
    assert costliest(three) == "v3"
    assert costliest(three[:2]) == "v1"
    assert costliest(rungs(("v1", 0, True, "libx264"), ("v3", 0.3, False, "libx264"))) == "v3"
    assert costliest(three[:1]) is None
    assert costliest([]) is None


def test_a_copied_rung_without_a_claimed_rate_is_estimated() -> None:
    """Metadata may be silent: the table's value stands in."""
    assert plan(replace(HD, video_kbps=0.0), POLICY, Means(9), gop_seconds=2.0).video[0].kbps == 2500


@given(SOURCES, st.floats(0, 16), GOPS, st.one_of(st.none(), st.integers(1, 6)), st.booleans())
def test_rules_hold_for_every_source(
    source: Source,
    cores: float,
    gop_seconds: float | None,
    rungs: int | None,
    may_copy: bool,  # noqa: FBT001  # Hypothesis passes it by place
) -> None:
    """Never upscaled, even sides, one to four rungs or the places asked for, unique names, in budget or one rung."""
    found = plan(source, POLICY, Means(cores), gop_seconds=gop_seconds, rungs=rungs, may_copy=may_copy)
    assert 1 <= len(found.video) <= (rungs or 4)
    assert len({rung.name for rung in found.video}) == len(found.video)
    assert {rung.name for rung in found.video} <= {f"v{place}" for place in range(1, (rungs or 4) + 1)}
    for rung in found.video:
        if rung.is_copied:
            assert (rung.width, rung.height) == (source.width, source.height)
            assert may_copy
            continue
        assert rung.height % 2 == rung.width % 2 == 0
        assert rung.height <= source.height
        assert rung.width <= source.width
        assert rung.fps <= max(source.fps, 1)
        assert rung.fps <= 60.5
        assert rung.kbps >= LEAST_KBPS
        assert rung.preset
        assert rung.cores > 0
    assert found.is_over == (found.cores > cores)
    if len(found.video) > 1:
        assert not found.is_over
