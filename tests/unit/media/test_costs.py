import pytest

from media.costs import DEVICE_COST, OTHERS, Costs, Encoded, Frames, encoded_cores, ladder_cores

HD = Frames(1280, 720, 30.0)
LOW = Frames(640, 360, 30.0)


def test_a_second_of_pictures_is_counted_in_millions_of_pixels() -> None:
    """Width, height and rate."""
    assert HD.megapixels == pytest.approx(27.648)


@pytest.mark.parametrize(
    ("encoder", "is_low", "per_megapixel"),
    [
        ("libx264", False, 0.1),
        ("libx264", True, 0.2),
        ("libx265", True, 0.5),
        ("libsvtav1", False, OTHERS["libsvtav1"]),
        ("h264_nvenc", False, DEVICE_COST),
        ("h264_vaapi", False, 0.01),
    ],
)
def test_an_encoder_costs_what_was_measured_or_is_known(encoder: str, is_low: bool, per_megapixel: float) -> None:  # noqa: FBT001  # a table
    """x264 by its preset, the others by their name; a device costs the copying."""
    costs = Costs(scaled=0.01, high=0.1, low=0.2, others={"libx265": 0.5, "h264_vaapi": 0.01})
    cores = encoded_cores(costs, Encoded(LOW, encoder, is_low), HD)
    assert cores == pytest.approx(0.01 * HD.megapixels + per_megapixel * LOW.megapixels)


def test_frames_are_dropped_before_they_are_scaled() -> None:
    """A rung of half the rate scales half the frames."""
    costs = Costs(scaled=0.01)
    half = encoded_cores(costs, Encoded(Frames(640, 360, 30.0), "libx264", is_low=True), Frames(1280, 720, 60.0))
    assert half == encoded_cores(costs, Encoded(LOW, "libx264", is_low=True), HD)


def test_what_was_learned_corrects_ffmpegs_part_and_ours_apart() -> None:
    """Sound and pictures by one factor, reading and packaging by the other."""
    costs = Costs(sound=0.1, together=1.0, session=0.2, rendition=0.05).corrected(1.5, 2.0)
    assert ladder_cores(costs, [1.0], HD, copied=0) == pytest.approx(
        2.0 * (0.2 + 2 * 0.05) + 1.5 * (0.1 + 1.0 + costs.decoded * HD.megapixels)
    )


def test_a_copy_alone_is_not_decoded() -> None:
    """Sound and cutting are all it costs; the first encoded rung brings the decoder."""
    costs = Costs(decoded=0.1, sound=0.375, session=0.125, rendition=0.25, together=1.5)
    assert ladder_cores(costs, [], HD, copied=1) == pytest.approx(0.5 + 2 * 0.25)
    assert ladder_cores(costs, [1.0], HD, copied=1) == pytest.approx(0.5 + 3 * 0.25 + 1.5 * (1.0 + 0.1 * HD.megapixels))
