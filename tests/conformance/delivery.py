"""Points 31 to 33: how it all is delivered and cached.  Pure."""

from tests.conformance.follower import Observation, Reply
from tests.conformance.verdict import Verdict, judged

MIME = "application/vnd.apple.mpegurl"
LONG_SECONDS = 24 * 3600


def transport(seen: Observation) -> Verdict:
    """Playlists compressed, types right, no redirect on media."""
    faults: list[str] = []
    for url, reply in _lists(seen):
        if reply.headers.get("Content-Encoding") != "gzip":
            faults.append(f"{url}: not compressed")
        if reply.headers.get("Content-Type", "").split(";")[0] != MIME:
            faults.append(f"{url}: {reply.headers.get('Content-Type')}")
    for track in seen.tracks:
        for reply, kinds in [
            *((file.reply, {"video/mp4", "audio/mp4"}) for file in track.inits.values()),
            *((file.reply, {"video/iso.segment", "video/mp4", "audio/mp4"}) for file in track.files.values()),
        ]:
            if 300 <= reply.status < 400:
                faults.append(f"{track.url}: a redirect to {reply.headers.get('Location')}")
            elif reply.headers.get("Content-Type") not in kinds:
                faults.append(f"{track.url}: {reply.headers.get('Content-Type')}")
    return judged(31, "transport", faults)


def lifetimes(seen: Observation) -> Verdict:
    """Lists live for half a segment (a second at least) in caches; segments long, and are called immutable."""
    faults: list[str] = []
    for track in seen.tracks:
        for reply, playlist in track.seen:
            allowed = max(1, playlist.target_duration_seconds // 2)
            if not playlist.is_ended and (reply.max_age is None or reply.max_age > allowed):
                faults.append(f"{track.url}: {reply.headers.get('Cache-Control')}")
        for file in [*track.files.values(), *track.inits.values()]:
            control = file.reply.headers.get("Cache-Control", "")
            if (file.reply.max_age or 0) < LONG_SECONDS or "immutable" not in control:
                faults.append(f"{track.url}: a segment with {control!r}")
    return judged(32, "lifetimes", faults)


def refusals(seen: Observation) -> Verdict:
    """A 404 is not kept; other sites may read; Date and Cache-Control are there; a name means one thing for ever."""
    faults: list[str] = []
    for what, missing in (("list", seen.missing_list), ("segment", seen.missing_segment)):
        if missing is None or missing.status != 404:
            faults.append(f"a missing {what} answered {missing and missing.status}")
        elif missing.max_age is None or missing.max_age > 1:
            faults.append(f"a missing {what} is kept: {missing.headers.get('Cache-Control')}")
    replies = [*_lists(seen), *((track.url, file.reply) for track in seen.tracks for file in track.files.values())]
    for url, reply in replies:
        if reply.headers.get("Access-Control-Allow-Origin") != "*":
            faults.append(f"{url}: other sites may not read")
        faults += [f"{url}: no {name}" for name in ("Date", "Cache-Control") if name not in reply.headers]
    if not seen.repeated:
        faults.append("a segment's bytes changed under its name")
    return judged(33, "refusals and names", faults)


def _lists(seen: Observation) -> list[tuple[str, Reply]]:
    return [(seen.url, seen.multivariant), *((track.url, reply) for track in seen.tracks for reply, _ in track.seen)]


CHECKS = (transport, lifetimes, refusals)
