"""What the server asks of the transcoders and what they report, as it travels on two Redis streams.  Pure.

Every entry of either stream has one field, `FIELD`, with one encoded struct.  The names of a broadcast's keys are here
too, for both sides use them.
"""

from binascii import crc_hqx
from typing import Literal

import msgspec

from media.policy import Wish

JOBS_STREAM = "leams:transcode:jobs"
JOBS_GROUP = "workers"
REPORTS_STREAM = "leams:transcode:reports"
REPORTS_GROUP = "jobs"
FIELD = "e"
WORKERS_KEY = "leams:transcode:alive"
"""A string with an expiry of `WORKERS_MS`: at least one worker looks for jobs."""
WORKERS_MS = 3_000
TAP_MS = 10_000
"""Expiry of a `tap_key`."""
STREAM_ENTRIES_MAX = 10_000
"""XADD's approximate bound on both streams: jobs are re-sent by the reconciler, reports are about now."""
PARTITIONS = 128

Severity = Literal["info", "warning", "error"]


def live_key(public_id: str, what: str) -> str:
    """A broadcast's key or shard channel; all of one broadcast's share a hash tag (crc16 XMODEM, Redis Cluster's)."""
    return f"leams:{{b{crc_hqx(public_id.encode(), 0) % PARTITIONS:02d}}}:live:{public_id}:{what}"


def window_key(public_id: str) -> str:
    """Hash: `generation`, `master`, `first`, `first_discontinuity`, `ended`, a `tail:<rendition>` each."""
    return live_key(public_id, "window")


def spine_key(public_id: str) -> str:
    """List of `media.window.Record`s, one JSON each, contiguous; the hash's `first` numbers the first one."""
    return live_key(public_id, "spine")


def wake_channel(public_id: str) -> str:
    """Shard channel that speaks whenever the window changed; the message is the writer's generation."""
    return live_key(public_id, "wake")


def tap_key(public_id: str, publish_count: int) -> str:
    """List: an entry once a worker plays the encoder session, or waits for it at the ingest."""
    return live_key(public_id, f"tap:{publish_count}")


def lease_key(public_id: str) -> str:
    """String with an expiry: which worker holds the broadcast."""
    return live_key(public_id, "lease")


class LiveJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Transcode this broadcast's stream; sent once per admitted encoder session, maybe more than once."""

    public_id: str
    publish_count: int
    """Which encoder session of the broadcast; a job with a smaller one than the newest is stale."""
    enqueued_ms: int
    known_gop_seconds: float | None = None
    """A keyframe interval proved by this channel's earlier broadcasts."""
    slate_seconds: float = 0.0
    """For so long after its encoder left, the broadcast shows a slate: the grace.  0: it holds the last frame."""
    ladder: Wish | None = None
    """What the channel wants of its ladder."""
    next_sequence: int = 0
    """Segments up to it stand in the database: the numbers go on from there, whatever Redis has lost."""


class Source(msgspec.Struct, frozen=True):
    """What the encoder sends; a figure that is not known is 0 or empty."""

    width: int
    height: int
    fps: float
    video_codec: str
    audio_codec: str
    video_kbps: int
    audio_kbps: int
    keyframe_seconds: float | None


class Measured(msgspec.Struct, frozen=True):
    """What was measured of the encoder's stream beyond `Source`."""

    steady_seconds: float
    """Media since the stream began or changed: rates over much less say little."""
    nominal_fps: float
    claimed_kbps: int
    """What the encoder says that its picture takes; 0: it says nothing."""
    missing_frames: int
    """Of the last minute, against the nominal rate."""
    missing_percent: float
    last_keyframe_seconds: float
    """The last whole distance; 0 before the second key frame."""
    are_keys_regular: bool | None
    b_frames: int
    """The most in a row."""
    timestamp_jumps: int
    """In ten minutes."""
    audio_db: float | None
    """RMS of the last seconds in dBFS; None without sound, or not measured yet."""
    silent_seconds: float | None
    """How long it has been silent."""


class RenditionFigures(msgspec.Struct, frozen=True):
    """A rendition as it leaves, for the dashboard; audio has no width, height and fps (0)."""

    name: str
    width: int
    height: int
    fps: float
    kbps: int


class Warned(msgspec.Struct, frozen=True):
    """Something that the streamer should know: a machine word and an English sentence."""

    code: str
    message: str
    severity: Severity


class _Report(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, kw_only=True):
    public_id: str
    publish_count: int
    generation: int
    at_ms: int


class Probed(_Report, frozen=True, kw_only=True):
    """The source was understood; encoding begins."""

    source: Source


class FirstSegment(_Report, frozen=True, kw_only=True):
    """The first segment of this encoder session can be fetched and stands in the playlists."""

    seconds: float
    """Since the job was enqueued."""


class Health(_Report, frozen=True, kw_only=True):
    """How it goes; about every 2 s."""

    source: Source
    renditions: tuple[RenditionFigures, ...]
    """Empty until the first segment of this encoder session is out."""
    speed: float
    """FFmpeg's: below 1 it falls behind."""
    warnings: tuple[Warned, ...] = ()
    measured: Measured | None = None
    """None: from a worker of before these figures."""


class Gone(_Report, frozen=True, kw_only=True):
    """The stream ended at its source; the worker let go, the window stays open."""


class Failed(_Report, frozen=True, kw_only=True):
    """This encoder session can't be transcoded, and another try would not help."""

    code: str
    message: str


LiveReport = Probed | FirstSegment | Health | Gone | Failed

_encoder = msgspec.json.Encoder()
_job_decoder = msgspec.json.Decoder(LiveJob)
_report_decoder: msgspec.json.Decoder[LiveReport] = msgspec.json.Decoder(LiveReport)


def encode(entry: LiveJob | LiveReport) -> bytes:
    """The value of `FIELD`."""
    return _encoder.encode(entry)


def decode_job(value: bytes) -> LiveJob:
    """The job in an entry.

    Raises:
        msgspec.DecodeError: not a job of this version.
    """
    return _job_decoder.decode(value)


def decode_report(value: bytes) -> LiveReport:
    """The report in an entry.

    Raises:
        msgspec.DecodeError: not a report of this version.
    """
    return _report_decoder.decode(value)
