"""What a broadcast shows while its encoder is away: the last picture, dimmed and blurred, and silence.  Pure.

The same renditions in the same sizes at the pace of real time, so that every player's lists go on.  Fifteen frames a
second: whole frames in every length of part that `media/parts.py` chooses, at a fraction of the ladder's cost.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from media.command import PROGRESS, VIDEO_TIMESCALE, mp4, part_frames, sound_mp4
from media.encoders import FALLBACK, Rates, arguments
from media.ladder import AUDIO, AUDIO_KBPS, AUDIO_RATE_HZ, SEGMENT_SECONDS, Plan, Rung
from media.window import Rendition

FPS = 15
KBPS_SHARE = 0.15
"""Of the rung's own bits: a picture that stands still needs few."""
LEAST_KBPS = 40
PRESET = "superfast"
SOFTWARE = {"hvc1": "libx265", "av01": "libsvtav1"}
"""Of lists in other codecs: one picture that stands still needs no device."""
CORES = 0.1
"""Measured with four rungs up to 720p: 0.18 of a core, most of it for the largest."""


def slate_plan(renditions: Iterable[Rendition]) -> Plan:
    """The places that the broadcast's lists already have."""
    video = tuple(_still(item) for item in renditions if item.kind == "video")
    return Plan(video, follows_source_keys=False, cores=CORES + sum(rung.cores for rung in video))


def _still(item: Rendition) -> Rung:
    width, height = item.width // 2 * 2, item.height // 2 * 2
    kbps = max(LEAST_KBPS, round(item.average_bps / 1000 * KBPS_SHARE))
    cores = 0.1 * width * height / 1e6
    found = Rung(item.name, width, height, float(FPS), kbps, is_copied=False, preset=PRESET, cores=cores)
    return replace(found, encoder=SOFTWARE.get(item.codecs[:4], FALLBACK))


def slate_command(
    ffmpeg: str, plan: Plan, descriptors: Mapping[str, int], part_target_us: int, picture: str | None
) -> list[str]:
    """The whole argv for a `slate_plan`; `picture` is a file, or None for plain dark grey.

    `descriptors` names the open write ends as for `media.command.command`.
    """
    argv = [ffmpeg, "-hide_banner", "-loglevel", "warning", "-nostats", "-nostdin"]
    argv += ["-progress", f"pipe:{descriptors[PROGRESS]}", "-stats_period", "0.5", "-threads", "1"]
    if plan.video:
        argv += ["-i", picture] if picture else ["-f", "lavfi", "-i", "color=c=0x15171c:s=640x360:d=1:r=1"]
        argv += ["-filter_complex", _graph(plan.video)]
    argv += ["-f", "lavfi", "-i", f"anullsrc=r={AUDIO_RATE_HZ}:cl=stereo"]
    fragments = mp4(part_frames(part_target_us, FPS), FPS)
    for rung in plan.video:
        argv += ["-map", f"[{rung.name}]", *_encoded(rung), *fragments, f"pipe:{descriptors[rung.name]}"]
    sound = "1:a:0" if plan.video else "0:a:0"
    argv += ["-map", sound, "-af", "arealtime", "-c:a", "aac", "-b:a", f"{AUDIO_KBPS}k"]
    return [*argv, *sound_mp4(), f"pipe:{descriptors[AUDIO]}"]


def _graph(rungs: tuple[Rung, ...]) -> str:
    """The work is done once on one frame; only copies of it are paced, scaled and encoded."""
    branches = "".join(f"[s{place}]" for place in range(len(rungs)))
    dimmed = "format=yuv420p,gblur=sigma=12,eq=brightness=-0.18:saturation=0.5"
    paced = f"loop=loop=-1:size=1:start=0,setpts=N/{FPS}/TB,fps={FPS},realtime"
    chains = [f"[0:v:0]{dimmed},{paced},split={len(rungs)}{branches}"]
    chains += [
        f"[s{place}]scale={rung.width}:{rung.height}:flags=bilinear,format=yuv420p,setsar=1[{rung.name}]"
        for place, rung in enumerate(rungs)
    ]
    return ";".join(chains)


def _encoded(rung: Rung) -> list[str]:
    keys = f"expr:gte(t,n_forced*{SEGMENT_SECONDS:g})"
    longest = round(FPS * SEGMENT_SECONDS * 2)
    if rung.encoder != FALLBACK:  # a list stays in its codec
        rates = Rates(FPS, rung.megapixels, rung.kbps * 2, None, rung.preset, longest)
        told = ["-fps_mode", "passthrough", *arguments(rung.encoder, rates)]
        return [*told, "-force_key_frames", keys, "-video_track_timescale", str(VIDEO_TIMESCALE)]
    rate = ["-b:v", f"{rung.kbps}k", "-maxrate", f"{rung.kbps * 2}k", "-bufsize", f"{rung.kbps * 4}k"]
    return [
        *("-fps_mode", "passthrough", "-c:v", "libx264", "-preset", rung.preset, "-profile:v", "high"),
        *("-threads", "1", "-bf", "0", "-g", str(longest), *rate),
        *("-x264-params", "scenecut=0:open-gop=0:rc-lookahead=0:sync-lookahead=0:force-cfr=1"),
        *("-force_key_frames", keys, "-forced-idr", "1", "-video_track_timescale", str(VIDEO_TIMESCALE)),
    ]
