"""Ask a low-latency origin as its players do, and as they must not; keep every answer with the time that it took."""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urljoin

import httpx

from media.playlist import MediaPlaylist
from media.playlist_reader import PlaylistError, parse_media
from tests.conformance.boxes import InitFacts, SegmentFacts, read_init

RELOADS = 24
"""Blocking reloads in a row of the list that is followed: four segments of six parts."""
HEADERS = {"Accept-Encoding": "gzip", "Origin": "http://elsewhere.test"}
PAIRS = 4
"""Deltas that are compared with the whole list, and reports with the other lists."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a list with directives, and its answer."""

    query: str
    status: int
    seconds: float
    """Until the answer was whole."""
    tick: float
    """When it was."""
    headers: httpx.Headers
    body: bytes
    playlist: MediaPlaylist | None = None


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part that was downloaded."""

    status: int
    body: bytes
    facts: SegmentFacts | None = None
    """What it holds, once it was looked into."""


@dataclass(frozen=True, slots=True)
class Hinted:
    """What a request for a hinted part met."""

    status: int
    first_byte_seconds: float
    seconds: float
    listed_tick: float
    """When a list first showed that part."""
    tick: float
    """When it was whole."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Reported:
    """What a list said of another one, and that other one before and after."""

    uri: str
    said: tuple[int, int] | None
    before: tuple[int, int]
    after: tuple[int, int]


@dataclass(slots=True)
class Waits:
    """All that was seen of one list's low latency."""

    url: str
    is_video: bool
    init: InitFacts | None = None
    reloads: list[Asked] = field(default_factory=list)
    wholes: list[tuple[int, Asked]] = field(default_factory=list)
    """Requests for a whole segment, by its number."""
    overflows: list[tuple[int, Asked]] = field(default_factory=list)
    """Requests for a part behind the last one of a segment, by the segment's number."""
    old: list[Asked] = field(default_factory=list)
    """Requests for what was long there."""
    refused: dict[str, Asked] = field(default_factory=dict)
    """Requests that no list would satisfy, by what is wrong with them."""
    deltas: list[tuple[Asked, Asked]] = field(default_factory=list)
    """A delta and the whole list of the same moment."""
    before_deltas: MediaPlaylist | None = None
    parts: dict[str, PartFile] = field(default_factory=dict)
    left: list[tuple[str, int]] = field(default_factory=list)
    """Parts that are listed no more, and what their address answered then."""
    hints: list[Hinted] = field(default_factory=list)
    unknown_part: Asked | None = None
    reports: list[Reported] = field(default_factory=list)
    missing_reports: list[str] = field(default_factory=list)
    """Other lists that a list says nothing of."""
    segments: dict[str, bytes] = field(default_factory=dict)
    """Whole segments by their addresses, as whoever follows the list downloads them."""
    after_end: list[Asked] = field(default_factory=list)
    """Directives for a list that had ended."""


def end_of(playlist: MediaPlaylist) -> tuple[int, int]:
    """The number of the last segment, and of the last part in it; -1: none is shown."""
    last = playlist.media_sequence + playlist.skipped_segments + len(playlist.entries)
    if playlist.open_entry is not None and playlist.open_entry.parts:
        return last, len(playlist.open_entry.parts) - 1
    return last - 1, len(playlist.entries[-1].parts) - 1 if playlist.entries else -1


def next_of(playlist: MediaPlaylist) -> tuple[int, int]:
    """What a player asks for next."""
    last = playlist.media_sequence + playlist.skipped_segments + len(playlist.entries)
    return last, len(playlist.open_entry.parts) if playlist.open_entry is not None else 0


def parts_of(playlist: MediaPlaylist) -> list[str]:
    """The addresses of all parts that a list shows and that are there."""
    listed = (*playlist.entries, playlist.open_entry) if playlist.open_entry else playlist.entries
    return [part.uri for entry in listed for part in entry.parts if not part.is_gap]


async def wait_on(client: httpx.AsyncClient, url: str, others: list[str], *, is_video: bool) -> Waits:
    """Reload one list as players do for `RELOADS` parts, then ask for all the rest."""
    waits = Waits(url, is_video)
    first = await ask(client, url, "")
    if first.playlist is None or not first.playlist.part_target_us:
        return waits
    waits.init = await _init(client, url, first.playlist)
    async with asyncio.TaskGroup() as group:
        group.create_task(_reload(client, waits, first.playlist))
        group.create_task(_take_hints(client, waits))
    await _ask_wrongly(client, waits)
    await _ask_late(client, waits)
    await _compare_deltas(client, waits)
    await _compare_reports(client, waits, others)
    await _look_back(client, waits)
    return waits


async def ask(client: httpx.AsyncClient, url: str, query: str) -> Asked:
    """One request for a list."""
    started = time.monotonic()
    reply = await client.get(f"{url}?{query}" if query else url, headers=HEADERS)
    tick = time.monotonic()
    playlist: MediaPlaylist | None = None
    if reply.status_code == 200:
        try:
            playlist = parse_media(reply.text)
        except PlaylistError:
            playlist = None
    return Asked(query, reply.status_code, tick - started, tick, reply.headers, reply.content, playlist)


async def _now(client: httpx.AsyncClient, waits: Waits) -> MediaPlaylist:
    """The list as it stands: an old segment is asked for, since caches may keep the plain one for a second.

    Raises:
        PlaylistError: there is none.
    """
    asked = await ask(client, waits.url, "_HLS_msn=0")
    if asked.playlist is None:  # some refuse what is old
        asked = await ask(client, waits.url, "")
    if asked.playlist is None:
        raise PlaylistError(f"{waits.url} answered {asked.status}")
    return asked.playlist


async def _reload(client: httpx.AsyncClient, waits: Waits, playlist: MediaPlaylist) -> None:
    for _ in range(RELOADS):
        msn, part = next_of(playlist)
        asked = await ask(client, waits.url, f"_HLS_msn={msn}&_HLS_part={part}")
        waits.reloads.append(asked)
        if asked.playlist is None or asked.playlist.is_ended:
            return
        playlist = asked.playlist
        for uri in parts_of(playlist):
            if uri not in waits.parts:
                waits.parts[uri] = await _part(client, waits, uri)


async def _part(client: httpx.AsyncClient, waits: Waits, uri: str) -> PartFile:
    reply = await client.get(urljoin(waits.url, uri), headers=HEADERS)
    return PartFile(reply.status_code, reply.content)


async def _init(client: httpx.AsyncClient, url: str, playlist: MediaPlaylist) -> InitFacts | None:
    listed = playlist.entries[-1] if playlist.entries else playlist.open_entry
    if listed is None or not listed.map_uri:
        return None
    reply = await client.get(urljoin(url, listed.map_uri), headers=HEADERS)
    return read_init(reply.content) if reply.status_code == 200 else None


async def _take_hints(client: httpx.AsyncClient, waits: Waits) -> None:
    """Ask for hinted parts, each as soon as a list names it, and for one that nobody hinted at."""
    for _ in range(PAIRS):
        now = await _now(client, waits)
        if now.hint_uri is None:
            return
        msn, part = next_of(now)
        listing = asyncio.create_task(ask(client, waits.url, f"_HLS_msn={msn}&_HLS_part={part}"))
        waits.hints.append(await _hinted(client, urljoin(waits.url, now.hint_uri), listing))
    strange = now.hint_uri.replace(".m4s", "99.m4s") if now.hint_uri else "none.m4s"
    waits.unknown_part = await ask(client, urljoin(waits.url, strange), "")


async def _hinted(client: httpx.AsyncClient, url: str, listing: "asyncio.Task[Asked]") -> Hinted:
    started = time.monotonic()
    async with client.stream("GET", url, headers=HEADERS) as reply:
        body, first_byte = b"", 0.0
        async for chunk in reply.aiter_raw():
            first_byte = first_byte or time.monotonic()
            body += chunk
        ended = time.monotonic()
    listed = await listing
    return Hinted(reply.status_code, (first_byte or ended) - started, ended - started, listed.tick, ended, body)


async def _ask_wrongly(client: httpx.AsyncClient, waits: Waits) -> None:
    now = await _now(client, waits)
    if now.is_ended:
        return
    msn, part = next_of(now)
    ahead = -(-3_000_000 // now.part_target_us) if now.part_target_us < 1_000_000 else 3
    queries = {
        "a part without a segment": "_HLS_part=0",
        "a negative segment": "_HLS_msn=-1",
        "a negative part": f"_HLS_msn={msn}&_HLS_part=-1",
        "a word": "_HLS_msn=seven",
        "nothing": "_HLS_msn=",
        "twice": f"_HLS_msn={msn}&_HLS_msn={msn}",
        "a huge number": "_HLS_msn=99999999999999999999",
        "a segment far ahead": f"_HLS_msn={msn + 4}",
        "a part far ahead": f"_HLS_msn={msn}&_HLS_part={part + ahead + 2}",
    }
    # all at once: what is far ahead now is near two parts later
    answers = await asyncio.gather(*(ask(client, waits.url, query) for query in queries.values()))
    waits.refused = dict(zip(queries, answers, strict=True))


async def _ask_late(client: httpx.AsyncClient, waits: Waits) -> None:
    now = await _now(client, waits)
    last = now.media_sequence + len(now.entries) - 1
    for query in (f"_HLS_msn={now.media_sequence}", f"_HLS_msn={max(0, last - 1)}", f"_HLS_msn={last}&_HLS_part=0"):
        waits.old.append(await ask(client, waits.url, query))
    waits.wholes.append((last + 1, await ask(client, waits.url, f"_HLS_msn={last + 1}")))
    now = await _now(client, waits)
    last = now.media_sequence + len(now.entries) - 1
    waits.overflows.append((last, await ask(client, waits.url, f"_HLS_msn={last}&_HLS_part=50")))


async def _compare_deltas(client: httpx.AsyncClient, waits: Waits) -> None:
    waits.before_deltas = await _now(client, waits)
    playlist = waits.before_deltas
    for _ in range(PAIRS):
        msn, part = next_of(playlist)
        query = f"_HLS_msn={msn}&_HLS_part={part}"
        delta, whole = await asyncio.gather(
            ask(client, waits.url, f"{query}&_HLS_skip=YES"), ask(client, waits.url, query)
        )
        waits.deltas.append((delta, whole))
        if whole.playlist is None:
            return
        playlist = whole.playlist


async def _compare_reports(client: httpx.AsyncClient, waits: Waits, others: list[str]) -> None:
    for _ in range(PAIRS):
        before = {url: (await ask(client, url, "_HLS_msn=0")).playlist for url in others}
        now = await _now(client, waits)
        after = {url: (await ask(client, url, "_HLS_msn=0")).playlist for url in others}
        said = {urljoin(waits.url, report.uri): report for report in now.reports}
        for url in others:
            report, one, two = said.get(url), before[url], after[url]
            if report is None:
                waits.missing_reports.append(url)
            elif one is not None and two is not None:
                last_part = -1 if report.last_part is None else report.last_part
                waits.reports.append(Reported(url, (report.last_msn, last_part), end_of(one), end_of(two)))


async def _look_back(client: httpx.AsyncClient, waits: Waits) -> None:
    """Ask for parts that have just left the lists."""
    lists = [asked.playlist for asked in waits.reloads if asked.playlist is not None]
    gone: list[str] = []
    for before, after in pairwise(lists):
        shown = set(parts_of(after))
        gone += [uri for uri in parts_of(before) if uri not in shown]
    if lists:
        now = set(parts_of(await _now(client, waits)))
        gone += [uri for uri in parts_of(lists[-1]) if uri not in now]
    for uri in gone[-6:]:
        waits.left.append((uri, (await ask(client, urljoin(waits.url, uri), "")).status))


async def ask_after_end(client: httpx.AsyncClient, waits: Waits) -> None:
    """Directives for a list that has ended: each is passed over."""
    for query in ("_HLS_msn=999999", "_HLS_msn=0&_HLS_part=0", "_HLS_skip=YES"):
        waits.after_end.append(await ask(client, waits.url, query))
