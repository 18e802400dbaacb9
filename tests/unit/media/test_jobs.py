import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from media.jobs import (
    Failed,
    FirstSegment,
    Gone,
    Health,
    LiveJob,
    LiveReport,
    Probed,
    RenditionFigures,
    Source,
    Warned,
    decode_job,
    decode_report,
    encode,
    lease_key,
    live_key,
    wake_channel,
    window_key,
)

SOURCE = Source(1920, 1080, 59.94, "H264", "AAC", 6000, 160, 2.0)
REPORTS: list[LiveReport] = [
    Probed(public_id="b1", publish_count=1, generation=7, at_ms=1, source=SOURCE),
    FirstSegment(public_id="b1", publish_count=1, generation=7, at_ms=1, seconds=3.5),
    Health(
        public_id="b1",
        publish_count=2,
        generation=7,
        at_ms=1,
        source=SOURCE,
        renditions=(RenditionFigures("v1", 1920, 1080, 59.94, 5800),),
        speed=1.01,
        warnings=(Warned("keyframes_far", "Set the keyframe interval to 2 s.", "warning"),),
    ),
    Gone(public_id="b1", publish_count=1, generation=7, at_ms=1),
    Failed(public_id="b1", publish_count=1, generation=7, at_ms=1, code="codec", message="H.265 is not understood."),
]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_reports_survive_the_stream(report: LiveReport) -> None:
    """What the transcoder reports is what the jobs process reads, each kind as itself."""
    assert decode_report(encode(report)) == report


def test_jobs_survive_the_stream() -> None:
    """A job arrives as it was sent, with and without a known GOP."""
    for job in (LiveJob("b1", 1, 1_700_000_000_000), LiveJob("b1", 2, 1, known_gop_seconds=2.0)):
        assert decode_job(encode(job)) == job


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b'{"public_id": 1}', b'{"type": "other"}'])
def test_foreign_entries_are_refused(value: bytes) -> None:
    """An entry of another kind or version is a DecodeError, never half a job."""
    with pytest.raises(msgspec.DecodeError):
        decode_job(value)
    with pytest.raises(msgspec.DecodeError):
        decode_report(value)


@given(st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=1, max_size=30))
def test_a_broadcasts_keys_share_one_slot(public_id: str) -> None:
    """Scripts may touch all keys of a broadcast together on a Redis Cluster."""
    keys = [window_key(public_id), wake_channel(public_id), lease_key(public_id), live_key(public_id, "other")]
    assert len({key_slot(key.encode()) for key in keys}) == 1


def test_the_partition_is_redis_clusters_crc16() -> None:
    """Known value: CRC16 XMODEM of 123456789 is 0x31C3, and 0x31C3 mod 128 is 67."""
    assert live_key("123456789", "window") == "leams:{b67}:live:123456789:window"
