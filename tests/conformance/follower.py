"""Follow a live origin for a while and keep everything that it said, with the time of each word."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin

import httpx

from media.multivariant import MultivariantPlaylist, Sound, Variant
from media.playlist import MediaPlaylist
from media.playlist_reader import PlaylistError, parse_media, parse_multivariant
from tests.conformance.boxes import InitFacts, SegmentFacts, read_init, read_segment
from tests.conformance.reloader import Waits, ask_after_end, wait_on

READERS = 8
READS = 25
"""So often each reader asks for one list in a row, looking for a half-written one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the origin."""

    status: int
    headers: httpx.Headers
    body: bytes
    tick: float

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def max_age(self) -> int | None:
        """Seconds that a cache may keep it; None when nothing is said."""
        control = self.headers.get("Cache-Control", "")
        if "no-store" in control or "no-cache" in control:
            return 0
        for word in control.replace(" ", "").split(","):
            if word.startswith("max-age="):
                return int(word.removeprefix("max-age="))
        return None


@dataclass(slots=True)
class MediaFile:
    """A segment or an initialization section."""

    reply: Reply
    seconds: float
    """How long the download took."""
    facts: SegmentFacts | None = None
    init: InitFacts | None = None
    """By which it can be read."""


@dataclass(slots=True)
class Track:
    """One media playlist through time."""

    url: str
    declared: Variant | Sound
    init: InitFacts | None = None
    seen: list[tuple[Reply, MediaPlaylist]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    files: dict[int, MediaFile] = field(default_factory=dict)
    """By media sequence number."""
    inits: dict[str, MediaFile] = field(default_factory=dict)

    @property
    def is_video(self) -> bool:
        """By the bytes, not by the claim."""
        return self.init is not None and self.init.handler == "vide"

    @property
    def last(self) -> MediaPlaylist:
        """The newest list."""
        return self.seen[-1][1]

    def entries(self) -> dict[int, tuple[int, int, bool, str | None]]:
        """(duration µs, PDT ms or -1, has discontinuity, map) of everything ever listed, by sequence number."""
        return {
            playlist.media_sequence + place: (
                entry.duration_us,
                -1 if entry.program_date_time_ms is None else entry.program_date_time_ms,
                entry.has_discontinuity,
                entry.map_uri,
            )
            for _, playlist in self.seen
            for place, entry in enumerate(playlist.entries)
        }


@dataclass(slots=True)
class KeyList:
    """A list of I-frames, and what its last entries really hold."""

    url: str
    reply: Reply
    playlist: MediaPlaylist | None = None
    frames: list[tuple[int, SegmentFacts | None]] = field(default_factory=list)
    """Status and content of the byte ranges."""


@dataclass(slots=True)
class Observation:
    """All that was seen."""

    url: str
    multivariant: Reply
    playlist: MultivariantPlaylist
    tracks: list[Track]
    torn: list[str] = field(default_factory=list)
    """What was wrong with lists that were read many times at once."""
    removed: list[tuple[str, int, float]] = field(default_factory=list)
    """(address, status, seconds since it left) of segments no longer listed."""
    missing_list: Reply | None = None
    missing_segment: Reply | None = None
    repeated: bool = True
    """Was a segment the same when it was read again?"""
    waits: list[Waits] = field(default_factory=list)
    """What low latency the first list with a picture has, and the first with sound."""
    key_lists: list[KeyList] = field(default_factory=list)

    @property
    def is_multivariant(self) -> bool:
        """Was it a choice of lists, and not a single one?"""
        return "#EXT-X-STREAM-INF" in self.multivariant.text


async def follow(url: str, seconds: float) -> Observation:
    """Watch every list behind a multivariant playlist, or a single list, and download what they list.

    Raises:
        PlaylistError: the multivariant playlist can't be read at all.
    """
    async with httpx.AsyncClient(timeout=10, follow_redirects=False, limits=httpx.Limits(max_connections=64)) as client:
        multivariant = await _get(client, url)
        if multivariant.status != 200:
            raise PlaylistError(f"{url} answered {multivariant.status}")
        playlist = _choice(url, multivariant)
        declared: dict[str, Variant | Sound] = {urljoin(url, sound.uri): sound for sound in playlist.sounds}
        declared.update({urljoin(url, variant.uri): variant for variant in playlist.variants})
        tracks = [Track(address, claim) for address, claim in declared.items()]
        observation = Observation(url, multivariant, playlist, tracks)
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for track in tracks:
                group.create_task(_follow_track(client, track, until))
            waiting = [group.create_task(_wait_on(client, track, tracks)) for track in _leading(tracks)]
            key_lists = group.create_task(_key_lists(client, observation))
        observation.waits = [task.result() for task in waiting]
        observation.key_lists = key_lists.result()
        async with asyncio.TaskGroup() as group:
            for _ in range(READERS):
                group.create_task(_read_hard(client, tracks[0].url, observation.torn))
        await _look_back(client, observation)
        for waits, track in zip(observation.waits, _leading(tracks), strict=True):
            waits.segments = _bodies(track)
            if waits.reloads and track.seen and track.last.is_ended:
                await ask_after_end(client, waits)
    _read_files(observation)
    return observation


def _choice(url: str, reply: Reply) -> MultivariantPlaylist:
    """What can be played: the address of a media playlist is a choice of one."""
    if "#EXT-X-TARGETDURATION" not in reply.text:
        return parse_multivariant(reply.text)
    return MultivariantPlaylist((Variant(url, 0, 0, ()),), is_independent=False)


def _leading(tracks: list[Track]) -> list[Track]:
    """The first list with a picture and the first with sound alone, as they are declared."""
    sounds = [track for track in tracks if isinstance(track.declared, Sound) or not track.declared.resolution]
    pictures = [track for track in tracks if track not in sounds]
    return [*pictures[:1], *sounds[:1]]


async def _wait_on(client: httpx.AsyncClient, track: Track, tracks: list[Track]) -> Waits:
    others = [other.url for other in tracks if other is not track]
    is_video = isinstance(track.declared, Variant) and track.declared.resolution is not None
    return await wait_on(client, track.url, others, is_video=is_video)


def _bodies(track: Track) -> dict[str, bytes]:
    numbered = {
        playlist.media_sequence + place: entry.uri
        for _, playlist in track.seen
        for place, entry in enumerate(playlist.entries)
    }
    return {numbered[number]: file.reply.body for number, file in track.files.items() if number in numbered}


async def _key_lists(client: httpx.AsyncClient, observation: Observation) -> list[KeyList]:
    found: list[KeyList] = []
    for claim in observation.playlist.key_frames:
        url = urljoin(observation.url, claim.uri)
        key_list = KeyList(url, await _get(client, url))
        found.append(key_list)
        if key_list.reply.status != 200:
            continue
        key_list.playlist = parse_media(key_list.reply.text)
        listed = [entry for entry in key_list.playlist.entries if not entry.is_gap]
        for entry in listed[-3:]:
            init = await _get(client, urljoin(url, entry.map_uri or ""))
            length, offset = entry.byte_range or (1, 0)
            headers = {"Range": f"bytes={offset}-{offset + length - 1}"}
            reply = await client.get(urljoin(url, entry.uri), headers=headers)
            is_read = reply.status_code == 206 and init.status == 200
            facts = read_segment(reply.content, read_init(init.body)) if is_read else None
            key_list.frames.append((reply.status_code, facts))
    return found


async def _get(client: httpx.AsyncClient, url: str) -> Reply:
    reply = await client.get(url, headers={"Accept-Encoding": "gzip", "Origin": "http://elsewhere.test"})
    return Reply(reply.status_code, reply.headers, reply.content, time.monotonic())


async def _follow_track(client: httpx.AsyncClient, track: Track, until: float) -> None:
    while time.monotonic() < until:
        reply = await _get(client, track.url)
        wait_seconds = 0.5
        if reply.status != 200:
            track.faults.append(f"answered {reply.status}")
        else:
            try:
                playlist = parse_media(reply.text)
            except (PlaylistError, UnicodeDecodeError) as error:
                track.faults.append(str(error))
            else:
                track.seen.append((reply, playlist))
                await _download(client, track, playlist)
                if playlist.is_ended and len(track.seen) > 1 and track.seen[-2][1].is_ended:
                    return
                wait_seconds = playlist.target_duration_seconds / 4
        await asyncio.sleep(wait_seconds)  # the client's own pace: a quarter of a segment


async def _download(client: httpx.AsyncClient, track: Track, playlist: MediaPlaylist) -> None:
    for place, entry in enumerate(playlist.entries):
        number = playlist.media_sequence + place
        if number in track.files or entry.is_gap:
            continue
        init: InitFacts | None = None
        if entry.map_uri:
            if entry.map_uri not in track.inits:
                track.inits[entry.map_uri] = await _file(client, urljoin(track.url, entry.map_uri))
            if track.inits[entry.map_uri].reply.status == 200:
                init = read_init(track.inits[entry.map_uri].reply.body)
                track.init = track.init or init
        file = await _file(client, urljoin(track.url, entry.uri))
        file.init = init
        track.files[number] = file


def _read_files(observation: Observation) -> None:
    """Look into everything, now that nothing waits for us: reading a segment takes as long as a part."""
    for track in observation.tracks:
        for file in track.files.values():
            if file.reply.status == 200 and file.init is not None:
                file.facts = read_segment(file.reply.body, file.init)
    for waits in observation.waits:
        for uri, part in waits.parts.items():
            if part.status == 200 and waits.init is not None:
                waits.parts[uri] = replace(part, facts=read_segment(part.body, waits.init))


async def _file(client: httpx.AsyncClient, url: str) -> MediaFile:
    started = time.monotonic()
    reply = await _get(client, url)
    return MediaFile(reply, time.monotonic() - started)


async def _read_hard(client: httpx.AsyncClient, url: str, torn: list[str]) -> None:
    for _ in range(READS):
        reply = await _get(client, url)
        try:
            parse_media(reply.text)
        except (PlaylistError, UnicodeDecodeError) as error:
            torn.append(str(error))
        if not reply.text.endswith("\n"):
            torn.append("no newline at the end")


async def _look_back(client: httpx.AsyncClient, observation: Observation) -> None:
    for track in observation.tracks:
        if not track.seen:
            continue
        listed = {entry.uri for entry in track.last.entries}
        left = {
            entry.uri: reply.tick
            for reply, playlist in track.seen
            for entry in playlist.entries
            if entry.uri not in listed and not entry.is_gap
        }
        for uri, last_seen in left.items():
            reply = await _get(client, urljoin(track.url, uri))
            observation.removed.append((uri, reply.status, time.monotonic() - last_seen))
    track = observation.tracks[0]
    if track.seen and track.last.entries:
        entry = track.last.entries[-1]
        number = track.last.media_sequence + len(track.last.entries) - 1
        again = await _get(client, urljoin(track.url, entry.uri))
        if number in track.files:
            observation.repeated = again.body == track.files[number].reply.body
        observation.missing_segment = await _get(client, urljoin(track.url, entry.uri.rsplit(".", 1)[0] + "-none.m4s"))
    observation.missing_list = await _get(client, urljoin(observation.url, "none/index.m3u8"))
