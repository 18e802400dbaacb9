"""The two sides of a socket: where its frames leave, and the conversation that takes what comes in.  Pure.

The fast transport (`chat.transport`) and plain ASGI (`chat.asgi_outlet`) are both an `Outlet`; the session is the same
`Conversation` for either.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from chat.codes import Close

EXTENSION = "leams.outlet"
"""The key of a socket's outlet in `scope["extensions"]`; absent on plain ASGI."""
OUTBOX_BYTES = 256 * 1024
"""About 900 chat lines, beside the 128 KiB that the kernel holds; a socket that is further behind is closed with SLOW
and recovers by position: twice as much is in the room's ring."""


class Pending(Awaitable[object], Protocol):
    """An answer that is not there yet: an `asyncio.Future` or a task."""

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Call `fn` in a later loop turn once the answer is there; also when it is there already."""


class Conversation(Protocol):
    """What a socket says and hears; called by its outlet, one frame after the other."""

    def take(self, data: bytes | str) -> Pending | None:
        """Take one whole message: None: done.  A pending answer: nothing more comes until it is done."""

    def lost(self) -> None:
        """The conversation is over, by either side; called exactly once, never from inside a call of the outlet."""


class Outlet(Protocol):
    """Where a socket's frames leave; the hub and the session know nothing else of the transport."""

    @property
    def is_paused(self) -> bool:
        """Unsent bytes wait in the transport."""

    @property
    def is_deflated(self) -> bool:
        """`permessage-deflate` was negotiated; uncompressed frames stay legal."""

    def write(self, data: bytes) -> None:
        """Finished frames, one or many, leave now; ignored once closed."""

    def has_room(self, size_bytes: int) -> bool:
        """So much more fits into OUTBOX_BYTES, beside what an idle outlet was offered last; asked only while paused."""

    def offer(self, data: bytes) -> bool:
        """Write finished frames if there is room; False: too slow, nothing was taken.

        An idle outlet takes anything, also what is larger than the bound (a long backfill).
        """

    def set_deadline(self, seconds: float, code: Close, reason: str) -> None:
        """Close so, about `seconds` from now, unless it is cleared; replaces the one before."""

    def clear_deadline(self) -> None:
        """The deadline was met."""

    def close(self, code: Close, reason: str = "") -> None:
        """Say why after what waits, and cut the connection when the peer doesn't answer in 2 s; once only."""

    def converse(self, conversation: Conversation) -> None:
        """From here on messages go there; on the fast transport alone, after the accept."""
