"""Machine codes of the chat wire: refusals and close codes.  Pure."""

from enum import IntEnum, StrEnum


class Close(IntEnum):
    """WebSocket close codes of ours; 4000-4499 mean come back with jitter, 4500-4999 don't (RFC 6455, 7.4.2)."""

    RESTART = 4000
    """This process is draining; another one takes you at once."""
    SLOW = 4001
    """You read too slowly and the outbox is full: reconnect and recover by (epoch, offset)."""
    NO_HELLO = 4002
    """No `hello` within 5 s."""
    SILENT = 4003
    """No answer to pings."""
    SUPERSEDED = 4004
    """Too many sockets of this account; the oldest went."""
    BAD_FRAME = 4500
    """A frame that the schema refuses; mend the client."""
    BAD_TOKEN = 4501
    """`hello` carried a token that is malformed, forged or revoked; an expired one is refused by an error frame."""
    FLOOD = 4502
    """Frames faster than any client needs."""
    HELLO_FIRST = 4503
    """A frame before `hello`."""
    ACCOUNT_GONE = 4504
    """The account was disabled, deleted or signed out everywhere."""
    FORBIDDEN = 4505
    """Not yours to follow, or not there at all: it is not told which."""


class Code(StrEnum):
    """Why a request on the wire was refused."""

    TOKEN_EXPIRED = "token_expired"  # noqa: S105  # a code, not a secret
    SIGN_IN = "sign_in"
    NO_ROOM = "no_room"
    NOT_JOINED = "not_joined"
    TOO_MANY_ROOMS = "too_many_rooms"
    RATE_LIMITED = "rate_limited"
    SLOW_MODE = "slow_mode"
    FOLLOWERS_ONLY = "followers_only"
    TIMED_OUT = "timed_out"
    BANNED = "banned"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    BAD_TEXT = "bad_text"
    BAD_NONCE = "bad_nonce"
    UNKNOWN_COMMAND = "unknown_command"
    USAGE = "usage"
    NO_ACCOUNT = "no_account"
    NO_MESSAGE = "no_message"
    FORBIDDEN = "forbidden"
    SELF = "self"
    UNAVAILABLE = "unavailable"
    """Redis or Postgres is away: nothing was said, try again."""
