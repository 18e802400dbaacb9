"""Refusals that more than one kind of request gets, and the frame that tells any of them.  Pure."""

from chat.codes import Code
from chat.ratelimit import Allowance, wait_ms
from chat.room import Refusal
from chat.wire import NONCE_MAX_CHARS, ROOMS_MAX, ClientFrame, Join, Leave, Older, Refused, Send

_ROOM_SHOWN_CHARS = 64
"""Of a name that may be anything."""


def refused(frame: ClientFrame, refusal: Refusal) -> Refused:
    """The answer to a request that was refused."""
    room = frame.room if isinstance(frame, Join | Leave | Send | Older) else None
    nonce = frame.nonce if isinstance(frame, Send) else None
    return Refused(
        frame.id,
        refusal.code,
        refusal.message,
        refusal.is_temporary,
        refusal.retry_after_ms,
        refusal.field,
        room[:_ROOM_SHOWN_CHARS] if room else None,
        nonce[:NONCE_MAX_CHARS] if nonce else None,
    )


def no_room() -> Refusal:
    """Nor any other reason to say of a room that is not for everybody."""
    return Refusal(Code.NO_ROOM, "There is no such room.", field="room")


def not_joined() -> Refusal:
    """The request is about a room that the socket is not in."""
    return Refusal(Code.NOT_JOINED, "Enter the room first.", field="room")


def too_many_rooms() -> Refusal:
    """One more would be too many."""
    return Refusal(Code.TOO_MANY_ROOMS, f"One connection enters at most {ROOMS_MAX} rooms.")


def too_often(allowance: Allowance, full_at: float, tick: float) -> Refusal:
    """Requests of a costly kind come faster than anybody needs them."""
    return Refusal(
        Code.RATE_LIMITED,
        "Too many requests; wait a moment.",
        is_temporary=True,
        retry_after_ms=wait_ms(allowance, full_at, tick),
    )
