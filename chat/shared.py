"""What many sockets are sent alike: encoded once per encoding, and only if somebody needs it.  Pure."""

from typing import Protocol, cast

import msgspec

from chat.wire import Encoding, Event, Push, ServerFrame, encode


class Shared(Protocol):
    """A frame on its way to everybody in a room."""

    @property
    def at_ms(self) -> int | None:
        """When the event was made; None for what is no event."""

    def payload(self, encoding: Encoding) -> bytes:
        """The encoded frame."""


class SharedFrame:
    """Any frame for everybody."""

    __slots__ = ("_frame",)

    at_ms = None

    def __init__(self, frame: ServerFrame) -> None:
        self._frame = frame

    def payload(self, encoding: Encoding) -> bytes:
        """The encoded frame."""
        return encode(self._frame, encoding)


class SharedEvent:
    """The push of one event; its JSON is the one that came from the log, wrapped and not written anew."""

    __slots__ = ("_epoch", "_event", "_json", "_offset", "_room")

    def __init__(self, room: str, epoch: str, offset: int, event: Event, json: bytes) -> None:
        self._room, self._epoch, self._offset = room, epoch, offset
        self._event, self._json = event, json

    @property
    def at_ms(self) -> int:
        """When the event was made."""
        return self._event.at_ms

    def payload(self, encoding: Encoding) -> bytes:
        """The encoded push."""
        event = self._event
        if encoding is Encoding.JSON:
            event = cast("Event", msgspec.Raw(self._json))  # msgspec copies it as it is
        return encode(Push(self._room, self._epoch, self._offset, event), encoding)
