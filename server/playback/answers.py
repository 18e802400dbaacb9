"""Finished HTTP replies as ASGI messages, made once for all who get them.  No clock but the one that is given."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.errors import render_error
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.types import Message

MIME = b"application/vnd.apple.mpegurl"
ENDED_MAX_AGE_SECONDS = 10
"""A list that can't change any more."""
NEWEST_TARGETS = 6
"""A reply that ends with what was asked for is the same for all who ask that: caches keep it (checklist, point 32)."""
OPEN_TO_ALL = [
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
]
"""Players on other sites may read: public media is unsigned, and what is private has a secret in its address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The two messages of a reply; shared, so nobody may change them."""

    start: "Message"
    body: "Message"
    again: "Answer | None" = None
    """The same for all but one of those who get it at once, where the edge shall keep the one."""

    @property
    def status(self) -> int:
        """Of HTTP."""
        return int(self.start["status"])


def answer_of(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Answer:
    """A reply with these headers and its length."""
    length = (b"content-length", str(len(body)).encode())
    return Answer(
        {"type": "http.response.start", "status": status, "headers": [*headers, length]},
        {"type": "http.response.body", "body": body},
    )


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long caches may keep a list, and how long the edge does."""

    max_age_seconds: int
    edge: bytes
    """The value of X-Accel-Expires: `0` is never, `@n` until that Unix second, a number so many seconds."""


def lifetime_until(unix_seconds: float) -> Lifetime:
    """Of a list that changes: half a segment, a second; at the edge to the end of this very one.

    nginx counts whole seconds: told `1` it would keep the list for up to two.
    """
    return Lifetime(1, b"@%d" % int(unix_seconds))


ENDED = Lifetime(ENDED_MAX_AGE_SECONDS, b"%d" % ENDED_MAX_AGE_SECONDS)
OLD = Lifetime(1, b"0")
"""A list that holds more than was asked for: the next who asks may get another, so the edge keeps none."""


def lifetime_of_newest(target_duration_seconds: int) -> Lifetime:
    """Of a reply that ends with what was asked for."""
    seconds = NEWEST_TARGETS * target_duration_seconds
    return Lifetime(seconds, b"%d" % seconds)


def list_answer(body: bytes, lifetime: Lifetime, *, is_gzip: bool) -> Answer:
    """A playlist."""
    headers = [
        (b"content-type", MIME),
        (b"cache-control", b"public, max-age=%d" % lifetime.max_age_seconds),
        (b"vary", b"Accept-Encoding"),
        *OPEN_TO_ALL,
    ]
    if is_gzip:
        headers.append((b"content-encoding", b"gzip"))
    again = answer_of(200, [*headers, (b"x-accel-expires", OLD.edge)], body)
    return replace(answer_of(200, [*headers, (b"x-accel-expires", lifetime.edge)], body), again=again)


def stored_answer(public_id: str, rendition: str, file: str) -> Answer:
    """A file that is there now: the edge sends it."""
    return answer_of(
        200, [(b"x-accel-redirect", f"/stored/{public_id}/{rendition}/{file}".encode()), *OPEN_TO_ALL], b""
    )


def refusal(error: AppError) -> Answer:
    """A refusal in the shape of all of ours; nobody keeps it."""
    response = render_error(error)
    headers = [(name, value) for name, value in response.raw_headers if name != b"content-length"]
    return answer_of(response.status_code, [*headers, *OPEN_TO_ALL], bytes(response.body))


NO_BROADCAST = refusal(not_found("broadcast"))
NO_RENDITION = refusal(not_found("rendition"))
NO_SEGMENT = refusal(not_found("segment"))
BAD_DIRECTIVES = refusal(AppError("bad_directives", 400, "No list will ever satisfy these directives."))
WRONG_METHOD = refusal(AppError("method_not_allowed", 405, "Lists can be read."))
UNAVAILABLE = refusal(AppError("unavailable", 503, "The stream can't be looked up right now.", retry_after_seconds=1))
TOO_LATE = refusal(AppError("unavailable", 503, "What you wait for did not come.", retry_after_seconds=1))
CROWDED = refusal(AppError("unavailable", 503, "Too many wait here.", retry_after_seconds=2))
CLOSING = refusal(AppError("unavailable", 503, "The server restarts.", retry_after_seconds=1))
