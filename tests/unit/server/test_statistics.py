"""server.broadcasts.statistics: the page of a real nginx-rtmp, and pages that want to do harm."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.broadcast import Session
from server.broadcasts.statistics import PAGE_MAX_BYTES, StatisticsError, Stream, parse_statistics

CAPTURED = (Path(__file__).parents[2] / "data/ingest/stat.xml").read_bytes()
BOMB = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><rtmp>&b;</rtmp>'


def page(streams: bytes, application: bytes = b"live") -> bytes:
    return (
        b"<rtmp><server><application><name>" + application + b"</name><live>" + streams + b"</live>"
        b"</application></server></rtmp>"
    )


def test_reads_the_page_of_a_real_ingest() -> None:
    """One stream with an encoder and a player: the encoder is its publisher."""
    assert parse_statistics(CAPTURED) == {
        "pub42": Stream(
            name="pub42",
            publisher=Session("92", "127.0.0.1"),
            bytes_in=426698,
            width=160,
            height=90,
            fps=15.0,
            video_codec="H264",
            audio_codec="AAC",
            video_kbps=257,
            audio_kbps=38,
        )
    }


def test_a_name_without_an_encoder_has_no_publisher() -> None:
    """A player that waits makes a stream too; figures that are missing or absurd are nothing."""
    waiting = page(b"<stream><name>a</name><client><id>1</id></client><bytes_in>-1</bytes_in></stream>")
    stream = parse_statistics(waiting)["a"]
    assert (stream.publisher, stream.bytes_in, stream.fps, stream.video_codec) == (None, 0, 0.0, "")
    absurd = page(b"<stream><name>a</name><bytes_in>" + b"9" * 5000 + b"</bytes_in></stream>")
    assert parse_statistics(absurd)["a"].bytes_in == 0


def test_other_applications_are_not_ours() -> None:
    """Only the application that encoders publish to counts."""
    assert parse_statistics(page(b"<stream><name>a</name></stream>", b"other")) == {}


@pytest.mark.parametrize(
    "hostile",
    [b"", b"<html/>", b"not xml", b"<rtmp>", BOMB, b"<rtmp>\xff</rtmp>", b" " * (PAGE_MAX_BYTES + 1)],
    ids=["empty", "another page", "text", "cut", "bomb", "bad utf-8", "huge"],
)
def test_a_page_that_is_not_one_is_refused(hostile: bytes) -> None:
    """An entity bomb is refused before it is read, the rest with one exception."""
    with pytest.raises(StatisticsError):
        parse_statistics(hostile)


@given(st.binary(max_size=400))
def test_bytes_are_a_page_or_a_statistics_error(noise: bytes) -> None:
    """Nothing but `StatisticsError` comes out of nonsense, also in the middle of a good page."""
    for candidate in (noise, CAPTURED.replace(b"<name>pub42</name>", noise)):
        try:
            parse_statistics(candidate)
        except StatisticsError:
            continue
