"""One room's chat over one socket after another, without I/O: what to send, open and show.  Pure.

The shell (`clients.chat`) tells what happened (`opened`, `received`, `closed`, `say`, `tick`) and performs the effects
that come back.  Two links may live at once: while a server drains, the old one speaks until the new one has joined.
The rules of places are those of `docs/wire.md`; `tests/data/chat/recovery.json` checks them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Frame = dict[str, Any]

LONGEST_PAUSE_SECONDS = 10.0
SETUP_SECONDS = 10.0
"""For a socket to open, greet and join; then it is given up."""
STEADY_SECONDS = 10.0
"""A link that lived this long was a good one: the next failure starts from the shortest pause."""
GREETINGS_MAX = 3
"""Tokens that may be refused as expired in a row; then we are a guest."""
TRIES_MAX = 6
"""So often the same line is said before its refusal goes to the caller."""
REPEAT_SECONDS = 1.0
REPEATABLE_SECONDS = 540.0
"""The server knows a nonce for ten minutes: what waited longer is never repeated, it could be said twice."""
RENEW_BEFORE_SECONDS = 30
"""Say hello again so long before the token ends."""
BAD_TOKEN = 4501
"""The close code for a token, or a ticket, that does not stand."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open another socket; tell `opened` or `closed`."""

    link: int


@dataclass(frozen=True, slots=True)
class Greet:
    """Fetch the token (anew if it was refused) and give it to `greet`."""

    link: int


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this frame."""

    link: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Close:
    """Close this socket; nothing of it is listened to any more."""

    link: int


@dataclass(frozen=True, slots=True)
class Show:
    """The next thing for the reader."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a line: its `ack`, or the `error` that is final."""

    nonce: str
    frame: Frame


@dataclass(frozen=True, slots=True)
class Stop:
    """The server doesn't want us back."""

    code: int
    reason: str


Effect: TypeAlias = Open | Greet | Transmit | Close | Show | Answer | Stop


def may_come_back(code: int) -> bool:
    """Does this close code invite a reconnect?"""
    return code not in {1002, 1003, 1007, 1008, 1009, 1010} and not 4500 <= code <= 4999


@dataclass(slots=True)
class _Link:
    number: int
    opened_at: float
    is_joined: bool = False
    is_joining: bool = False
    hello_id: int = 0
    join_id: int = 0
    greetings: int = 0
    has_shown_ticket: bool = False
    greet_at: float | None = None
    join_at: float | None = None


@dataclass(slots=True)
class _Line:
    text: str
    first_sent_at: float | None = None
    tries: int = 0
    repeat_at: float | None = None


@dataclass(slots=True)
class Conversation:
    """Follow one room; `chance` gives numbers in [0, 1)."""

    room: str
    client: str
    chance: Callable[[], float]
    position: tuple[str, int] | None = None
    """Epoch and offset of the last thing shown."""
    _active: _Link | None = None
    _next: _Link | None = None
    _open_at: float | None = None
    _attempts: int = 0
    _last_link: int = 0
    _last_id: int = 0
    _is_over: bool = False
    _ticket: str | None = None
    """What the last `welcome` gave us to come back with, so that a reconnect needs no token."""
    _lines: dict[str, _Line] = field(default_factory=dict)

    # -- what the shell tells --

    def start(self, now: float) -> list[Effect]:
        """Open the first socket."""
        return self._open(now)

    def opened(self, number: int) -> list[Effect]:
        """The socket has shaken hands."""
        link = self._link(number)
        if link is None:
            return []
        if self._ticket is None:
            return [Greet(number)]
        link.has_shown_ticket = True
        return self._hello(link, {"ticket": self._ticket})

    def greet(self, number: int, token: str | None) -> list[Effect]:
        """Say hello as the token's account, or as a guest."""
        link = self._link(number)
        if link is None:
            return []
        link.greetings += 1
        return self._hello(link, {"token": token} if token is not None and link.greetings <= GREETINGS_MAX else {})

    def greet_later(self, number: int, now: float) -> None:
        """Nobody can tell now who we are: ask again in a while."""
        if link := self._link(number):
            link.greet_at = now + 1 + self.chance()

    def say(self, nonce: str, text: str, now: float) -> list[Effect]:
        """Say a line or a command; `Answer` tells what became of it."""
        self._lines[nonce] = _Line(text)
        return self._give_back(nonce, "closed", "the chat is closed") if self._is_over else self._transmit(nonce, now)

    def forget(self, nonce: str) -> None:
        """The caller waits no longer: never say it again."""
        self._lines.pop(nonce, None)

    @property
    def waiting(self) -> int:
        """Lines said but not answered."""
        return len(self._lines)

    def closed(self, number: int, code: int, reason: str, now: float) -> list[Effect]:
        """The socket is gone, or never opened."""
        link = self._link(number)
        if link is None:
            return []
        was_active = link is self._active
        if was_active:
            self._active = None
            if now - link.opened_at >= STEADY_SECONDS:
                self._attempts = 0
        else:
            self._next = None
        if code == BAD_TOKEN and link.has_shown_ticket and self._ticket is not None:
            self._ticket = None  # its session has ended: the token may be of another one
        elif not may_come_back(code):
            return self._stop(code, reason)
        if self._next is None and self._open_at is None:
            self._open_at = now + self._pause()
        if not was_active and self._active is not None:
            return []  # the old socket still speaks
        pause = 0.0 if self._open_at is None else max(0.0, self._open_at - now)
        return [Show({"t": "disconnected", "code": code, "reason": reason, "retry_seconds": pause})]

    def received(self, number: int, frame: Frame, now: float) -> list[Effect]:
        """A frame came."""
        link = self._link(number)
        if link is None:
            return []
        match frame["t"]:
            case "welcome":
                return self._welcomed(link, frame, now)
            case "error" if frame["id"] == link.hello_id:
                return self._hello_refused(link, frame, now)
            case "error" if frame["id"] == link.join_id and "nonce" not in frame:
                return self._join_refused(link, frame, now)
            case "joined":
                return self._joined(link, frame, now)
        return self._pushed(link, frame, now) if link is self._active else []

    def _pushed(self, link: _Link, frame: Frame, now: float) -> list[Effect]:
        """What only the link that speaks may tell."""
        match frame["t"]:
            case "event":
                return self._event(link, frame)
            case "reload":
                return [Show(frame), *self._rejoin(link, None)]
            case "reconnect":
                return self._hand_over(frame["after_ms"] / 1000, now)
            case "ack" | "error" if frame.get("nonce") in self._lines:
                return self._answered(frame, now)
        return [Show(frame)]

    def due_at(self) -> float | None:
        """When `tick` has something to do."""
        links = [link for link in (self._active, self._next) if link]
        times = [self._open_at, *(line.repeat_at for line in self._lines.values())]
        times += [time for link in links for time in (link.greet_at, link.join_at)]
        times += [link.opened_at + SETUP_SECONDS for link in links if not link.is_joined]
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due."""
        effects: list[Effect] = []
        if self._open_at is not None and self._open_at <= now:
            effects += self._open(now)
        for link in (self._active, self._next):
            if link is None:
                continue
            if not link.is_joined and link.opened_at + SETUP_SECONDS <= now:
                effects += [Close(link.number), *self.closed(link.number, 1006, "it never joined", now)]
                continue
            if link.greet_at is not None and link.greet_at <= now:
                link.greet_at = None
                effects.append(Greet(link.number))
            if link.join_at is not None and link.join_at <= now:
                link.join_at = None
                effects += self._join(link, self.position)
        for nonce, line in list(self._lines.items()):
            if line.repeat_at is not None and line.repeat_at <= now:
                effects += self._transmit(nonce, now)
        return effects

    # -- links --

    def _link(self, number: int) -> _Link | None:
        return next((link for link in (self._active, self._next) if link and link.number == number), None)

    def _open(self, now: float) -> list[Effect]:
        self._open_at = None
        self._last_link += 1
        self._next = _Link(self._last_link, now)
        return [Open(self._last_link)]

    def _pause(self) -> float:
        """Between a quarter and the whole of 0.5 s, 1 s, 2 s … 10 s."""
        ceiling: float = min(LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(self._attempts, 10))
        self._attempts += 1
        return ceiling * (0.25 + 0.75 * self.chance())

    def _hand_over(self, seconds: float, now: float) -> list[Effect]:
        """The process drains: another socket takes over; this one speaks until that one has joined."""
        self._open_at = now + seconds
        if self._next is None:
            return []
        gone, self._next = self._next, None
        return [Close(gone.number)]

    def _stop(self, code: int, reason: str) -> list[Effect]:
        effects: list[Effect] = [Close(link.number) for link in (self._active, self._next) if link]
        self._active = self._next = self._open_at = None
        self._is_over = True
        message = f"the chat is closed: {reason or code}"
        for nonce in list(self._lines):
            effects += self._give_back(nonce, "closed", message)
        return [*effects, Stop(code, reason)]

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # -- greeting --

    def _hello(self, link: _Link, who: Frame) -> list[Effect]:
        link.hello_id = self._next_id()
        return [Transmit(link.number, {"t": "hello", "id": link.hello_id, "client": self.client, **who})]

    def _welcomed(self, link: _Link, frame: Frame, now: float) -> list[Effect]:
        link.greetings = 0
        self._ticket = frame.get("ticket")
        if (lasts := frame.get("expires_in_seconds")) is not None:
            link.greet_at = now + max(lasts - RENEW_BEFORE_SECONDS, 1)
        return [Show(frame), *([] if link.is_joined or link.is_joining else self._join(link, self.position))]

    def _hello_refused(self, link: _Link, frame: Frame, now: float) -> list[Effect]:
        """Token or ticket expired on their way, or nobody can tell now whom they stand for."""
        if frame["code"] == "token_expired":
            self._ticket = None
            return [Greet(link.number)]
        link.greetings = 0
        link.greet_at = now + self._after(frame)
        return []

    def _join(self, link: _Link, position: tuple[str, int] | None) -> list[Effect]:
        link.is_joining, link.join_id = True, self._next_id()
        join: Frame = {"t": "join", "id": link.join_id, "room": self.room}
        if position is not None:
            join["epoch"], join["offset"] = position
        return [Transmit(link.number, join)]

    def _rejoin(self, link: _Link, position: tuple[str, int] | None) -> list[Effect]:
        return [] if link.is_joining else self._join(link, position)

    def _join_refused(self, link: _Link, frame: Frame, now: float) -> list[Effect]:
        if not frame.get("temporary"):
            return self._stop(1008, frame["message"])
        link.join_at = now + self._after(frame)
        return []

    def _after(self, refused: Frame) -> float:
        return float(refused.get("retry_after_ms", 1000)) / 1000 * (1 + self.chance())

    # -- the log --

    def _joined(self, link: _Link, frame: Frame, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if link is self._next:
            effects += [Close(self._active.number)] if self._active else []
            self._active, self._next = link, None
        link.is_joined, link.is_joining = True, False
        epoch, offset = frame["epoch"], frame["offset"]
        if frame.get("recovered"):
            if self.position is None or self.position[0] != epoch:
                # The old link moved on to another log after this one had asked.
                return [*effects, *self._join(link, None)]
            known = self.position[1]
            frame = {**frame, "events": [one for one in frame["events"] if one["offset"] > known]}
            offset = max(offset, known)
        self.position = (epoch, offset)
        effects.append(Show(frame))
        for nonce in list(self._lines):
            effects += self._transmit(nonce, now)
        return effects

    def _event(self, link: _Link, frame: Frame) -> list[Effect]:
        assert self.position is not None  # noqa: S101  # the active link has joined
        epoch, known = self.position
        if frame["epoch"] != epoch or frame["offset"] > known + 1:
            return self._rejoin(link, self.position)
        if frame["offset"] <= known:
            return []
        self.position = (epoch, frame["offset"])
        return [Show(frame)]

    # -- what was said --

    def _transmit(self, nonce: str, now: float) -> list[Effect]:
        line, link = self._lines[nonce], self._active
        line.repeat_at = None
        if link is None:
            return []
        if line.first_sent_at is None:
            line.first_sent_at = now
        elif now - line.first_sent_at > REPEATABLE_SECONDS:
            return self._give_back(nonce, "unacknowledged", "nobody can tell any more whether this was said")
        line.tries += 1
        return [
            Transmit(
                link.number, {"t": "send", "id": self._next_id(), "room": self.room, "nonce": nonce, "text": line.text}
            )
        ]

    def _answered(self, frame: Frame, now: float) -> list[Effect]:
        nonce = frame["nonce"]
        line = self._lines[nonce]
        code = frame.get("code")
        # Where nobody can tell whether it was said, and where a burst of repeats went too fast: the same nonce again.
        if (code == "unavailable" or (code == "rate_limited" and line.tries > 1)) and line.tries < TRIES_MAX:
            pause = REPEAT_SECONDS * 2 ** (line.tries - 1) * (1 + self.chance() / 2)
            line.repeat_at = now + max(pause, frame.get("retry_after_ms", 0) / 1000)
            return []
        del self._lines[nonce]
        return [Answer(nonce, frame), Show(frame)]

    def _give_back(self, nonce: str, code: str, message: str) -> list[Effect]:
        del self._lines[nonce]
        return [Answer(nonce, {"t": "error", "id": 0, "code": code, "message": message, "nonce": nonce})]
