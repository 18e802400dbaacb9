"""FFmpeg's arguments for a plan.  Pure.

One decode, split, n encodes; every rendition leaves as fragmented MP4 on a descriptor of its own, in fragments as long
as parts: the cutter decides where parts and segments end.  `-copyts` and one common offset keep the renditions' clocks
equal to the tick and free of negative times, which `tfdt` can't hold.
"""

from collections.abc import Mapping

from media.encoders import Rates, arguments, devices, uploads
from media.ladder import AUDIO, AUDIO_RATE_HZ, SEGMENT_SECONDS, Plan, Rung

OFFSET_SECONDS = 10
"""Where media time begins in each run: the input's 0."""
VIDEO_TIMESCALE = 90_000
THUMBNAIL_SECONDS = 10
THUMBNAIL_WIDTH_PX = 640
THUMBNAIL = "thumbnail"
PROGRESS = "progress"
LEVELS = "levels"
LEVEL_FRAMES = 16
"""One in so many frames of sound is measured: three a second.  All would cost 0.008 of a core."""

_COPIED = ["-map", "0:v:0", "-c:v", "copy", "-video_track_timescale", str(VIDEO_TIMESCALE)]
SOUND_FRAMES = 4
"""In a fragment of sound: it need not end where a part does, so short ones keep it from waiting."""
SOUND_FRAMES_EARLY = 8
"""The same where every picture is encoded: sound is 0.2 s ahead of them, and each fragment costs the worker 0.2 ms."""
ONE_THREAD_MEGAPIXELS = 125
"""A second, 1080p60: up to there one thread decodes and one scales, in half of a core's time each.  Two for each cost
1.7 % of a 720p ladder, and the decoder holds a frame back for its second."""
_SOUND_FPS = AUDIO_RATE_HZ / 1024


def mp4(frames: int, fps: float) -> list[str]:
    """A rendition's output: fragments of so many frames, a new one at each key frame, times from `OFFSET_SECONDS`.

    One fragment a frame cost the worker twice as much: 0.078 of a core for five renditions of 30 frames a second.
    """
    return [
        *("-output_ts_offset", str(OFFSET_SECONDS), "-use_editlist", "0", "-avoid_negative_ts", "disabled"),
        *("-movflags", "empty_moov+default_base_moof+frag_keyframe+frag_discont+skip_trailer"),
        # half a frame less: the muxer compares before it takes the next frame, whose time may be rounded
        *("-frag_duration", str(round((frames - 0.5) / fps * 1_000_000)), "-flush_packets", "1", "-f", "mp4"),
    ]


def sound_mp4(frames: int = SOUND_FRAMES) -> list[str]:
    """The same for sound."""
    return mp4(frames, _SOUND_FPS)


def part_frames(part_target_us: int, fps: float) -> int:
    """How many whole frames a part has."""
    return max(1, int(part_target_us * fps / 1_000_000))


def command(ffmpeg: str, plan: Plan, descriptors: Mapping[str, int], part_target_us: int) -> list[str]:
    """The whole argv; FLV comes in on standard input.

    `descriptors` names the open write ends: one for each rung, `audio`, `progress`, with video `thumbnail`, and maybe
    `levels`.
    """
    argv = [ffmpeg, "-hide_banner", "-loglevel", "warning", "-nostats"]
    argv += ["-progress", f"pipe:{descriptors[PROGRESS]}", "-stats_period", "0.5"]
    argv += ["-copyts", "-probesize", "2000000", "-analyzeduration", "300000", *_threads(plan, "-threads")]
    encoded = [rung for rung in plan.video if not rung.is_copied]
    if plan.video and not encoded:
        argv += ["-skip_frame", "nokey"]  # decoding serves the thumbnails alone
    argv += [*devices([rung.encoder for rung in encoded]), "-f", "flv", "-i", "pipe:0"]
    if plan.video:
        argv += [*_threads(plan, "-filter_complex_threads"), "-filter_complex", _graph(plan, encoded)]
    for rung in plan.video:
        argv += _COPIED if rung.is_copied else _encoded(rung, plan, _keys(plan, encoded, rung))
        argv += [*mp4(part_frames(part_target_us, rung.fps), rung.fps), f"pipe:{descriptors[rung.name]}"]
    argv += ["-map", "0:a:0", "-c:a", "aac", "-b:a", f"{plan.audio_kbps}k", "-ar", str(AUDIO_RATE_HZ), "-ac", "2"]
    argv += ["-af", f"aresample=async=1000:first_pts=0{_levels(descriptors)}"]
    argv += sound_mp4(SOUND_FRAMES_EARLY if plan.video and not plan.follows_source_keys else SOUND_FRAMES)
    argv += [f"pipe:{descriptors[AUDIO]}"]
    if plan.video:
        argv += ["-map", "[thumbnail]", "-c:v", "mjpeg", "-threads", "1", "-q:v", "5", "-fps_mode", "passthrough"]
        argv += ["-flush_packets", "1", "-f", "image2pipe", f"pipe:{descriptors[THUMBNAIL]}"]
    return argv


def _threads(plan: Plan, option: str) -> list[str]:
    return [option, "1" if plan.source_megapixels <= ONE_THREAD_MEGAPIXELS else "2"]


def _levels(descriptors: Mapping[str, int]) -> str:
    """Print the level of some frames of sound, if anybody reads it (`transcoder.levels`)."""
    if LEVELS not in descriptors:
        return ""
    level = "RMS_level"
    some = f"aselect='not(mod(n,{LEVEL_FRAMES}))'"
    stats = f"astats=metadata=1:reset=1:measure_perchannel=none:measure_overall={level}"
    told = f"ametadata=print:key=lavfi.astats.Overall.{level}:file='pipe\\:{descriptors[LEVELS]}':direct=1"
    return f",asplit[sound][heard];[heard]{some},{stats},{told},anullsink;[sound]anull"


def _graph(plan: Plan, encoded: list[Rung]) -> str:
    """Thumbnails come from the source's frames; the rungs from frames at a steady pace, unless the top is copied."""
    chains = ["[0:v:0]split=2[all][still]" if encoded else "[0:v:0]null[still]"]
    if encoded:
        branches = "".join(f"[s{place}]" for place in range(len(encoded)))
        pace = "" if plan.follows_source_keys else f"fps={_rate(_pace(encoded))},"
        chains.append(f"[all]{pace}split={len(encoded)}{branches}")
    for place, rung in enumerate(encoded):
        scale = f"scale={rung.width}:{rung.height}:flags=bilinear"
        chains.append(f"[s{place}]{_thinned(plan, encoded, rung)}{scale},setsar=1,{uploads(rung.encoder)}[{rung.name}]")
    spaced = f"isnan(prev_selected_t)+gte(t-prev_selected_t,{THUMBNAIL_SECONDS})"
    shrunk = f"scale='min({THUMBNAIL_WIDTH_PX},iw)':-2:flags=bilinear:out_range=full,format=yuvj420p"
    chains.append(f"[still]select='key*({spaced})',{shrunk}[{THUMBNAIL}]")
    return ";".join(chains)


def _pace(encoded: list[Rung]) -> float:
    return max(rung.fps for rung in encoded)


def _is_halved(encoded: list[Rung], rung: Rung) -> bool:
    return rung.fps < _pace(encoded) * 0.75


def _thinned(plan: Plan, encoded: list[Rung], rung: Rung) -> str:
    """Every other frame where the rate is halved; beside a copied rung never without the source's key frames."""
    if not plan.follows_source_keys:
        return "framestep=2," if _is_halved(encoded, rung) else ""
    if rung.fps > plan.video[0].fps * 0.75:
        return ""
    return f"select='isnan(prev_selected_t)+key+gte(t-prev_selected_t,{0.75 / rung.fps:.4f})',"


def _keys(plan: Plan, encoded: list[Rung], rung: Rung) -> str:
    """Where key frames are forced: on frames that every rung has, so that they are equal to the tick."""
    if plan.follows_source_keys:
        return "source"
    is_shared = any(_is_halved(encoded, other) for other in encoded) and not _is_halved(encoded, rung)
    return f"expr:gte(t,n_forced*{SEGMENT_SECONDS:g})" + ("*eq(mod(n,2),0)" if is_shared else "")


def _rate(fps: float) -> str:
    """29.97 and its kin are fractions; everything near a whole number is that number."""
    whole = round(fps)
    if abs(fps - whole) < 0.01:
        return str(whole)
    if abs(fps - whole * 1000 / 1001) < 0.02:
        return f"{whole * 1000}/1001"
    return f"{fps:.3f}"


def _encoded(rung: Rung, plan: Plan, keys: str) -> list[str]:
    # FLV's, or that of the common pace: an encoder's own, one over its rate, would move frames
    clock = ["-enc_time_base", "1:1000" if plan.follows_source_keys else "filter"]
    longest = round(rung.fps * SEGMENT_SECONDS * 2)
    rates = Rates(rung.fps, rung.megapixels, rung.kbps, plan.crf, rung.preset, longest)
    return [
        *("-map", f"[{rung.name}]", "-fps_mode", "passthrough"),
        *arguments(rung.encoder, rates),
        *clock,
        *("-force_key_frames", keys, "-video_track_timescale", str(VIDEO_TIMESCALE)),
    ]
