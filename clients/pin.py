"""What is pinned in a room, as its frames tell it one after another.  Pure."""

from typing import Any

Frame = dict[str, Any]


def pinned_after(pinned: Frame | None, frame: Frame) -> Frame | None:
    """The `pinned` event of what stands over the room once this frame was told; None: nothing does."""
    if frame["t"] == "joined":
        return frame.get("pinned")
    if frame["t"] != "event":
        return pinned
    event: Frame = frame["event"]
    match event["t"]:
        case "pinned":
            return event
        case "unpinned":
            return None
    return None if pinned and _is_removed(pinned["message"], event) else pinned


def _is_removed(message: Frame, event: Frame) -> bool:
    match event["t"]:
        case "deleted":
            return bool(event["message_id"] == message["id"])
        case "user_cleared":
            return bool(event["account_id"] == message["author"]["id"])
        case kind:
            return bool(kind == "room_cleared")
