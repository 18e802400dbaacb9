"""Sockets of the tests, and what a room's frames look like in their outlets."""

from chat.audience import Identity, Socket
from chat.framing import unframed
from chat.wire import Encoding
from tests.fakes.listening import Listening


class Reading(Listening):
    """Reads all, or, while it is paused, no more than `room_bytes`."""

    def __init__(self, *, is_deflated: bool = False) -> None:
        super().__init__()
        self.is_deflated = is_deflated
        self.room_bytes = 0

    def has_room(self, size_bytes: int) -> bool:
        return not self.is_paused or size_bytes <= self.room_bytes

    @property
    def payloads(self) -> list[bytes]:
        """Of all frames so far, as they were encoded."""
        return unframed(b"".join(self.frames))


def listening_socket(
    account_id: int | None = None, encoding: Encoding = Encoding.JSON, *, is_deflated: bool = False
) -> tuple[Socket, Reading]:
    """A socket, of an account or a guest's, and its outlet."""
    outlet = Reading(is_deflated=is_deflated)
    identity = None if account_id is None else Identity(account_id, f"u{account_id}", f"s{account_id}", 0)
    return Socket(outlet, encoding, identity), outlet
