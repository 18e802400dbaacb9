"""What the FFmpeg that we ship can really make, and what it costs here."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from media.command import command
from media.costs import Costs
from media.fmp4 import Fragment, FragmentReader, Init
from media.ladder import Means, plan
from media.parts import part_target_us
from media.policy import Policy, Step
from media.source import Source
from tests.services.encoder import ffmpeg_path
from transcoder.calibration import Measured, calibrated, costs_of
from transcoder.encoders import probe_encoders
from transcoder.trials import attempt

SOURCE = Source("h264", 320, 180, 60.0, True, "aac", 48_000, 2, 0.0)  # noqa: FBT003  # copyable


def script(folder: Path, body: str) -> str:
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


async def test_the_shipped_ffmpeg_makes_hevc_and_av1() -> None:
    """Both software encoders pass their trial."""
    found = await probe_encoders(ffmpeg_path())
    assert {"libx265", "libsvtav1"} <= set(found)
    assert all(count >= 1 for count in found.values())


async def test_sessions_of_a_device_are_counted(tmp_path: Path) -> None:
    """The most that work at once; an encoder that fails is not there."""
    limited = script(
        tmp_path,
        'count=$(echo "$*" | grep -o "c:v h264_nvenc" | wc -l)\n[ "$count" -ge 1 ] && [ "$count" -le 3 ]',
    )
    assert await probe_encoders(limited) == {"h264_nvenc": 3}
    assert await probe_encoders("/bin/false") == {}


async def test_a_trial_that_hangs_is_ended(tmp_path: Path) -> None:
    """Killed after its time, and when nobody waits for it any more."""
    assert not (await attempt(["sleep", "60"], 0.1)).is_good
    assert (await attempt(["true"], 5.0)).is_good
    waiting = asyncio.create_task(attempt(["sleep", "60"], 60.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_machine_is_measured_once(tmp_path: Path) -> None:
    """Plausible costs, remembered for the next start; a file that no longer reads is measured anew."""
    policy = Policy()
    first = await calibrated(ffmpeg_path(), policy, [], tmp_path)
    assert first != Costs()
    assert first.decoded < first.high < first.low * 3
    assert await calibrated(ffmpeg_path(), policy, [], tmp_path) == first
    (remembered,) = (tmp_path / name for name in os.listdir(tmp_path) if name.endswith(".json"))  # noqa: PTH208
    assert await calibrated("/bin/false", policy, [], tmp_path) == Costs()
    remembered.write_text("{}{")
    assert await calibrated(script(tmp_path, "exit 1"), policy, [], tmp_path / "other") == Costs()
    assert await calibrated(ffmpeg_path(), policy, [], None) == Costs()


def test_a_trial_that_was_disturbed_does_no_harm() -> None:
    """Each figure stays within a third and three times what small servers have."""
    defaults = Costs()
    wild = costs_of(
        Measured(decoded=900.0, scaled=0.0, high=0.0, low=9e9, sound=-1.0, whole=9e10, others={"libx265": 1e9})
    )
    assert wild.decoded == pytest.approx(3 * defaults.decoded)
    assert wild.scaled == pytest.approx(defaults.scaled / 3)
    assert wild.high == pytest.approx(defaults.high / 3)
    assert wild.low == pytest.approx(3 * defaults.low)
    assert wild.sound == pytest.approx(defaults.sound / 3)
    assert wild.together == 2.0
    nothing = Measured(decoded=0.0, scaled=0.0, high=0.0, low=0.0, sound=0.0, whole=0.0, others={})
    assert costs_of(nothing).together == defaults.together
    assert wild.others == {"libx265": 1.0}


@pytest.mark.parametrize("crf", [None, 28])
def test_every_codec_has_its_key_frames_at_the_same_ticks(tmp_path: Path, crf: int | None) -> None:
    """H.264 at the full and at half the rate, HEVC and AV1: equal to the tick, with true codec strings."""
    policy = Policy(rungs=(Step(180, 300), Step(120, 150)), codecs=("h264", "hevc", "av1"), crf=crf)
    ladder = plan(SOURCE, policy, Means(99.0, sessions={"libx265": 4, "libsvtav1": 4}))
    assert [rung.name for rung in ladder.video] == ["v1", "v2", "hevc_1", "av1_1"]
    flv = subprocess.run(
        [
            *(ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=60:duration=7"),
            *("-f", "lavfi", "-i", "sine=duration=7", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"),
            *("-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", "-"),
        ],
        capture_output=True,
        check=True,
    ).stdout
    files = {name: (tmp_path / name).open("wb") for name in (*(rung.name for rung in ladder.video), "audio")}
    files |= {name: (tmp_path / name).open("wb") for name in ("progress", "thumbnail")}
    descriptors = {name: file.fileno() for name, file in files.items()}
    argv = command(ffmpeg_path(), ladder, descriptors, part_target_us(60.0))
    subprocess.run(argv, input=flv, pass_fds=tuple(descriptors.values()), capture_output=True, check=True)
    for file in files.values():
        file.close()
    keys, codecs = {}, {}
    for rung in ladder.video:
        init, *fragments = FragmentReader().feed((tmp_path / rung.name).read_bytes())
        assert isinstance(init, Init)
        codecs[rung.name] = init.codec.split(".")[0]
        samples = [sample for part in fragments if isinstance(part, Fragment) for sample in part.samples]
        keys[rung.name] = [sample.time + sample.composition for sample in samples if sample.is_sync]
    assert codecs == {"v1": "avc1", "v2": "avc1", "hevc_1": "hvc1", "av1_1": "av01"}
    assert len(keys["v1"]) == 4
    assert all(times == keys["v1"] for times in keys.values())
