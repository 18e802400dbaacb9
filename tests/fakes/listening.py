"""An outlet that keeps what it was given, for tests of what stands behind one."""

from chat.codes import Close
from chat.outlet import Conversation


class Listening:
    """A `chat.outlet.Outlet` that takes `room` offers, and then none."""

    def __init__(self, room: int = 1000) -> None:
        self.is_deflated = False
        self.frames: list[bytes] = []
        self.closed: Close | None = None
        self.reason = ""
        self.is_paused = False
        self.deadline: tuple[float, Close, str] | None = None
        self.conversation: Conversation | None = None
        self._room = room

    def write(self, data: bytes) -> None:
        if self.closed is None:
            self.frames.append(data)

    def has_room(self, size_bytes: int) -> bool:  # noqa: ARG002  # counts offers, not bytes
        return len(self.frames) < self._room

    def offer(self, data: bytes) -> bool:
        if not self.has_room(len(data)):
            return False
        self.write(data)
        return True

    def set_deadline(self, seconds: float, code: Close, reason: str) -> None:
        self.deadline = (seconds, code, reason)

    def clear_deadline(self) -> None:
        self.deadline = None

    def close(self, code: Close, reason: str = "") -> None:
        if self.closed is None:
            self.closed, self.reason = code, reason

    def converse(self, conversation: Conversation) -> None:
        self.conversation = conversation
