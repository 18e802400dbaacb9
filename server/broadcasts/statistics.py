"""nginx-rtmp's statistics page (`rtmp_stat all`) as values.  Pure: text in, streams out.

The page repeats what encoders said of themselves, so it is read as hostile: bounded, and without any declaration that
could define entities.  Source: ngx_rtmp_stat_module.c of nginx-rtmp 1.2.2.
"""

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from media.broadcast import Session

PAGE_MAX_BYTES = 4_000_000
"""A stream with one encoder and one transcoder takes about 1.2 kB."""
APPLICATION = "live"
_DIGITS_MAX = 20
_RATE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?")


class StatisticsError(ValueError):
    """This is not a statistics page."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One name at the ingest, with or without an encoder; figures that the encoder did not give are 0 or empty."""

    name: str
    publisher: Session | None
    bytes_in: int
    width: int
    height: int
    fps: float
    video_codec: str
    audio_codec: str
    video_kbps: int
    audio_kbps: int


def parse_statistics(page: bytes) -> dict[str, Stream]:
    """The streams of the live application by name.

    Raises:
        StatisticsError: too large, not XML, with a declaration, or another page.
    """
    if len(page) > PAGE_MAX_BYTES:
        raise StatisticsError(f"the page has {len(page)} bytes")
    if b"<!" in page:  # nginx escapes "<" in every value; a doctype could define entities that grow without bound
        raise StatisticsError("the page has a declaration")
    try:
        root = ET.fromstring(page)  # noqa: S314  # bounded, and no entity can be defined without a declaration
    except (ET.ParseError, ValueError) as error:
        raise StatisticsError(f"the page is not XML: {error}") from error
    if root.tag != "rtmp":
        raise StatisticsError(f"the page is <{root.tag[:50]}>, not <rtmp>")
    streams = (
        _stream(element)
        for application in root.iterfind("server/application")
        if application.findtext("name") == APPLICATION
        for element in application.iterfind("live/stream")
    )
    return {stream.name: stream for stream in streams}


def _stream(element: ET.Element) -> Stream:
    publisher = next((client for client in element.iterfind("client") if client.find("publishing") is not None), None)
    return Stream(
        name=element.findtext("name", ""),
        publisher=publisher
        if publisher is None
        else Session(publisher.findtext("id", ""), publisher.findtext("address", "")),
        bytes_in=_number(element, "bytes_in"),
        width=_number(element, "meta/video/width"),
        height=_number(element, "meta/video/height"),
        fps=_rate(element.findtext("meta/video/frame_rate", "")),
        video_codec=element.findtext("meta/video/codec", ""),
        audio_codec=element.findtext("meta/audio/codec", ""),
        video_kbps=_number(element, "bw_video") // 1000,
        audio_kbps=_number(element, "bw_audio") // 1000,
    )


def _number(element: ET.Element, path: str) -> int:
    text = element.findtext(path, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else 0


def _rate(text: str) -> float:
    return float(text) if _RATE.fullmatch(text) else 0.0
