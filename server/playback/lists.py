"""One broadcast's lists as this process knows them: rendered when somebody asks, once for all who do.

What was shown is never taken back: news that are behind what is known, as a Redis that lost its data tells them, are
passed over for `HOLD_SECONDS`, in which the worker restores it.  No I/O; seconds come in.
"""

from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import Counter

from media.deflate import Deflated, deflate, gzip_of
from media.multivariant import live_multivariant, render_multivariant
from media.spine_text import Listing, SpineText, live_text
from media.window import Live, MediaWindow, window

HOLD_SECONDS = 30.0
"""A Redis that is back is restored by the worker's next write, within a segment; a lost worker is replaced in 5 s."""

PartState = Literal["there", "hinted", "unknown"]

RENDERS = Counter("leams_playlist_renders_total", "Playlists rendered.")


@dataclass(slots=True)
class Text:
    """One list as text, and as gzip."""

    pieces: list[Deflated]
    _plain: bytes | None = None
    _packed: bytes | None = None

    @property
    def plain(self) -> bytes:
        """As it is."""
        if self._plain is None:
            self._plain = b"".join([piece.plain for piece in self.pieces])
        return self._plain

    @property
    def packed(self) -> bytes:
        """As gzip."""
        if self._packed is None:
            self._packed = gzip_of(self.pieces)
        return self._packed


@dataclass(slots=True)
class _Made:
    """What was made of a rendition's list, and of which state of it."""

    state: tuple[int, int]
    text: Text | None


@dataclass(slots=True)
class Lists:
    """Everything that this process says of a broadcast."""

    public_id: str
    live: Live | None = None
    _behind_since: float | None = None
    _epoch: int = 0
    """Grows with everything that changes all lists."""
    _revisions: dict[str, int] = field(default_factory=dict)
    """Grow with each rendition's tail."""
    _spines: dict[tuple[str, Listing], SpineText] = field(default_factory=dict)
    _made: dict[tuple[str, Listing, bool], _Made] = field(default_factory=dict)
    _masters: dict[bool, tuple[Live, Text | None]] = field(default_factory=dict)
    _windows: dict[str, tuple[tuple[int, int], MediaWindow | None]] = field(default_factory=dict)

    def take(self, fresh: Live | None, tick: float) -> bool:
        """Believe what was read, unless it is behind; returns whether anything is new."""
        known = self.live
        if known is not None and is_behind(fresh, known):
            since = self._behind_since if self._behind_since is not None else tick
            self._behind_since = since
            if tick < since + HOLD_SECONDS:
                return False
        self._behind_since = None
        self.live = fresh
        if fresh is None or known is None or _differs(fresh, known):
            self._epoch += 1
        for name, tail in ((fresh.tails if fresh else None) or {}).items():
            if known is None or known.tail(name) != tail:
                self._revisions[name] = self._revisions.get(name, 0) + 1
        return True

    def state(self, name: str) -> tuple[int, int]:
        """Changes exactly when the rendition's lists do."""
        return self._epoch, self._revisions.get(name, 0)

    def window(self, name: str) -> MediaWindow | None:
        """The end of a rendition's list, by which requests are judged."""
        tail = self.live.tail(name) if self.live else None
        if self.live is None or tail is None:
            return None  # and nothing is kept of a name that anybody may have made up
        state = self.state(name)
        found = self._windows.get(name)
        if found is None or found[0] != state:
            start = tail.segments[0].sequence if tail.segments else self.live.next_sequence - 1
            found = self._windows[name] = (state, window(self.live, name, start))
        return found[1]

    def media(self, name: str, listing: Listing, *, may_skip: bool) -> Text | None:
        """A rendition's list; None while it has none."""
        key, state = (name, listing, may_skip), self.state(name)
        made = self._made.get(key)
        if made is not None and made.state == state:
            return made.text
        live = self.live
        if live is None or live.tail(name) is None:
            return None
        RENDERS.inc()
        spine = self._spines.get((name, listing))
        if spine is None:
            folder = f"../../../media/{self.public_id}/{name}"
            spine = self._spines[name, listing] = SpineText(name, folder, is_iframes=listing.is_iframes)
        pieces = live_text(live, name, spine, listing, may_skip=may_skip)
        self._made[key] = _Made(state, Text(pieces) if pieces is not None else None)
        return self._made[key].text

    def multivariant(self, *, is_rewind: bool) -> Text | None:
        """What a player can choose from; None while nothing plays yet."""
        live = self.live
        if live is None:
            return None
        made = self._masters.get(is_rewind)
        if made is None or made[0] is not live:
            file, iframes = Listing(is_rewind).file, Listing(is_rewind, is_iframes=True).file
            playlist = live_multivariant(live, file=file, iframes=iframes)
            text = Text([deflate(render_multivariant(playlist).encode())]) if playlist else None
            made = self._masters[is_rewind] = (live, text)
        return made[1]

    def part(self, name: str, generation: int, number: int) -> PartState:
        """What became of a part's file."""
        live = self.live
        tail = live.tail(name) if live else None
        if live is None or tail is None:
            return "unknown"
        for segment in tail.segments:
            if segment.generation == generation and any(part.number == number for part in segment.parts):
                return "there"
        if live.is_ended or not live.master.part_target_us:
            return "unknown"
        return "hinted" if (tail.generation, tail.next_part) == (generation, number) else "unknown"


def is_behind(fresh: Live | None, known: Live) -> bool:
    """Would a player that saw `known` see numbers go back, or an end undone?"""
    if fresh is None:
        return True
    if known.is_ended and not fresh.is_ended:
        return True
    return (
        fresh.next_sequence < known.next_sequence
        or fresh.first_sequence < known.first_sequence
        or fresh.generation < known.generation
    )


def _differs(fresh: Live, known: Live) -> bool:
    """Does something change that all lists of the broadcast say?"""
    return (
        fresh.next_sequence != known.next_sequence
        or fresh.first_sequence != known.first_sequence
        or fresh.is_ended != known.is_ended
        or fresh.master != known.master
    )
