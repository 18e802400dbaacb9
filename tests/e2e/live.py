"""Follow a channel's live playlists as a player does."""

import re
from dataclasses import dataclass

import httpx

from tests.services.waiting import eventually


@dataclass(frozen=True, slots=True)
class Playlist:
    """What a test asks of a media playlist."""

    media_sequence: int
    segments: tuple[str, ...]
    discontinuities: int
    text: str

    @property
    def last_sequence(self) -> int:
        """The number of the newest segment."""
        return self.media_sequence + len(self.segments) - 1


def read_playlist(text: str) -> Playlist:
    """The few fields above; the conformance client reads playlists in earnest."""
    sequence = re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", text)
    return Playlist(
        media_sequence=int(sequence[1]) if sequence else 0,
        segments=tuple(line for line in text.splitlines() if line and not line.startswith("#")),
        discontinuities=len(re.findall(r"#EXT-X-DISCONTINUITY\n", text)),
        text=text,
    )


async def live_channel(http: httpx.AsyncClient, slug: str, seconds: float = 20) -> str:
    """Wait until the channel is live; returns its multivariant playlist's address."""

    async def look() -> str | None:
        channel = (await http.get(f"/api/v1/channels/{slug}")).json()
        return str(channel["playlist"]) if channel["live"] == "live" else None

    return await eventually(look, f"{slug} to be live", seconds)


async def renditions(http: httpx.AsyncClient, multivariant: str) -> list[str]:
    """The addresses of all media playlists that the multivariant names."""
    reply = await http.get(multivariant)
    reply.raise_for_status()
    names = [line for line in reply.text.splitlines() if line and not line.startswith("#")]
    names += re.findall(r'URI="([^"]+)"', reply.text)
    return list(dict.fromkeys(str(reply.url.join(name)) for name in names))


async def media_playlist(http: httpx.AsyncClient, address: str) -> Playlist | None:
    """The playlist now; None while the origin is away."""
    try:
        reply = await http.get(address)
    except httpx.TransportError:
        return None
    return read_playlist(reply.text) if reply.status_code == 200 else None


async def beyond(http: httpx.AsyncClient, address: str, sequence: int, seconds: float) -> Playlist:
    """Wait for a segment newer than `sequence` that can be fetched."""

    async def look() -> Playlist | None:
        playlist = await media_playlist(http, address)
        if playlist is None or not playlist.segments or playlist.last_sequence <= sequence:
            return None
        try:
            segment = await http.get(str(httpx.URL(address).join(playlist.segments[-1])))
        except httpx.TransportError:
            return None
        return playlist if segment.status_code == 200 and segment.content else None

    return await eventually(look, f"a segment after {sequence}", seconds)


async def first_part(http: httpx.AsyncClient, multivariant: str, seconds: float) -> float:
    """Wait until the first part or segment of any picture can be fetched; returns the seconds of media in it."""

    async def look() -> float | None:
        try:
            for address in await renditions(http, multivariant):
                reply = await http.get(address)
                part = re.search(r'#EXT-X-PART:DURATION=([\d.]+),URI="([^"]+)"', reply.text)
                if "/audio/" in address or part is None:
                    continue
                media = await http.get(str(reply.url.join(part[2])))
                return float(part[1]) if media.status_code == 200 and media.content else None
        except httpx.HTTPError:
            pass
        return None

    return await eventually(look, "a first part", seconds)
