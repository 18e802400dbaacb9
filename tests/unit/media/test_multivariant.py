from dataclasses import replace

from media.multivariant import (
    KEY_SHARE,
    NOTHING,
    Measured,
    MultivariantPlaylist,
    Sound,
    live_multivariant,
    measure,
    render_multivariant,
    vod_multivariant,
)
from media.window import Live, Master, Rendition, Tail
from tests.services.lives import AUDIO, SMALL, VIDEO, changed_tail, live_of, with_tail


def shown(live: Live) -> MultivariantPlaylist:
    playlist = live_multivariant(live)
    assert playlist is not None
    return playlist


def test_variants_sum_up_what_plays_together() -> None:
    """A variant's figures and codecs contain those of its audio group; sound alone is a variant of its own."""
    playlist = shown(live_of(4, size_bytes=10_000))
    assert playlist.sounds == (Sound("sound", "Stream", "und", "audio/index.m3u8", 2, is_default=True),)
    assert [variant.uri for variant in playlist.variants] == ["v2/index.m3u8", "v1/index.m3u8", "audio/index.m3u8"]
    top = playlist.variants[1]
    assert top.codecs == ("avc1.64001f", "mp4a.40.2")
    assert (top.resolution, top.frames_per_1000_seconds, top.audio_group) == ((1280, 720), 29_970, "sound")
    assert top.bandwidth_bps == 3_140_000
    assert top.average_bps == 2 * 40_000  # measured: 10 kB in 2 s each
    assert playlist.variants[2].codecs == ("mp4a.40.2",)
    assert playlist.variants[2].bandwidth_bps == 140_000


def test_players_begin_near_two_megabits() -> None:
    """The first variant is the one nearest to 2000 kbps, the others follow from the best down."""
    rates = {"v1": 6_000_000, "v2": 2_400_000, "v3": 700_000}
    live = live_of(4)
    renditions = tuple(at_rate(name, rate) for name, rate in rates.items())
    tail = changed_tail(live.tails["v1"], counted_segments=0, measured_peak_bps=0)  # type: ignore[index]
    live = replace(live, master=Master(renditions, 2, 0), tails=dict.fromkeys(rates, tail))
    assert [variant.uri[:2] for variant in shown(live).variants] == ["v2", "v1", "v3"]


def at_rate(name: str, rate: int) -> Rendition:
    return Rendition(name, "video", VIDEO.codecs, rate, rate, width=1280, height=720, fps=30.0)


def test_a_stream_without_picture_has_sound_variants() -> None:
    """Sound alone plays: one variant, its own audio group, and no I-frame list."""
    playlist = shown(live_of(4, renditions=(AUDIO,)))
    assert [(variant.uri, variant.audio_group) for variant in playlist.variants] == [("audio/index.m3u8", "sound")]
    assert playlist.key_frames == ()


def test_ungrouped_renditions_stand_alone() -> None:
    """Sound without a group is offered as a variant alone; video without one plays silently."""
    sound = Rendition("audio", "audio", "mp4a.40.2", 140_000, 128_000)
    playlist = shown(live_of(4, renditions=(at_rate("v1", 2_000_000), sound)))
    assert playlist.sounds == ()
    assert [variant.audio_group for variant in playlist.variants] == [None, None]
    assert playlist.variants[0].codecs == (VIDEO.codecs,)


def test_a_measured_peak_above_the_promise_is_told() -> None:
    """BANDWIDTH is never below what was really sent; before anything was measured the promise counts."""
    (variant,) = shown(live_of(4, renditions=(VIDEO,), size_bytes=2_000_000)).variants
    assert (variant.bandwidth_bps, variant.average_bps) == (8_000_000, 8_000_000)
    (variant,) = shown(live_of(2, renditions=(VIDEO,))).variants
    assert variant.average_bps == VIDEO.average_bps


def test_lists_of_key_frames_are_offered() -> None:
    """One for each picture, with the peak that was seen, or a quarter of the promise."""
    frames = shown(live_of(4)).key_frames
    assert [(one.uri, one.bandwidth_bps) for one in frames] == [
        ("v1/iframes.m3u8", VIDEO.peak_bps // KEY_SHARE),
        ("v2/iframes.m3u8", SMALL.peak_bps // KEY_SHARE),
    ]
    rewind = live_multivariant(live_of(4), file="dvr", iframes="dvr-iframes")
    assert rewind is not None
    assert rewind.key_frames[0].uri == "v1/dvr-iframes.m3u8"
    assert rewind.variants[0].uri == "v2/dvr.m3u8"
    assert measure(live_of(4).records, "v1").key_peak_bps == 160_000


def test_the_list_waits_for_all_renditions_but_not_for_ever() -> None:
    """Nothing is offered before every rendition plays, unless one has got two segments ahead of a missing one."""
    assert live_multivariant(Live()) is None
    one = with_tail(live_of(0, 1, renditions=(VIDEO, AUDIO)), "audio", Tail())
    assert live_multivariant(one) is None
    assert live_multivariant(live_of(0, 1, renditions=(VIDEO, AUDIO))) is not None
    late = with_tail(live_of(2, renditions=(VIDEO, AUDIO)), "audio", Tail())
    playlist = shown(late)
    assert [variant.uri for variant in playlist.variants] == ["v1/index.m3u8"]
    assert playlist.variants[0].audio_group is None
    tails = {"v1": late.tails["v1"]}  # type: ignore[index]
    assert live_multivariant(replace(late, tails=tails)) is not None


def test_a_recording_offers_what_it_has() -> None:
    """Figures from the records alone, slate left out; a rendition without a segment is not offered."""
    gaps = frozenset({("v2", number) for number in range(6)})
    live = live_of(6, gaps=gaps, slates=frozenset({0, 1}), size_bytes=1_000_000)
    playlist = vod_multivariant(live.renditions, live.records)
    assert [variant.uri for variant in playlist.variants] == ["v1/index.m3u8", "audio/index.m3u8"]
    assert playlist.variants[0].average_bps == 8_000_000
    assert vod_multivariant(live.renditions, ()) == MultivariantPlaylist(())


def test_nothing_is_measured_of_nothing() -> None:
    """A rendition without records has no figures; figures are those of its records."""
    assert measure((), "v1") == NOTHING
    assert measure(live_of(3).records, "v1") == Measured(2_000_000, 2_000_000, 160_000)


def test_the_text_word_by_word() -> None:
    """No tag that isn't needed, none missing."""
    live = live_of(4, renditions=(VIDEO, AUDIO), size_bytes=10_000)
    assert render_multivariant(shown(live)) == (
        "#EXTM3U\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Stream",LANGUAGE="und",DEFAULT=YES,AUTOSELECT=YES,'
        'CHANNELS="2",URI="audio/index.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=3140000,AVERAGE-BANDWIDTH=80000,CODECS="avc1.64001f,mp4a.40.2",'
        'RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="sound"\n'
        "v1/index.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=140000,AVERAGE-BANDWIDTH=40000,CODECS="mp4a.40.2",AUDIO="sound"\n'
        "audio/index.m3u8\n"
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=750000,CODECS="avc1.64001f",RESOLUTION=1280x720,'
        'URI="v1/iframes.m3u8"\n'
    )
