"""The chat on the whole screen and as lines, over a wire that a test plays."""

import io
import json
from collections.abc import AsyncIterator
from typing import cast

import pytest
from textual.widgets import Input, RichLog, Static

from clients.chat import ChatClient, ChatClosedError, ChatRefusedError, Frame
from clients.pin import pinned_after
from clients.terminal import ChatApp, run_lines

MESSAGE = {"t": "message", "id": "m", "at_ms": 0, "author": {"id": 2, "name": "ann", "role": "owner"}, "text": "hello"}
FRAMES: list[Frame] = [
    {"t": "joined", "events": [{"offset": 1, "event": MESSAGE}], "role": "member"},
    {"t": "info", "viewers": 3, "title": "Building"},
]


class PlayedChat:
    """What a `ChatClient` does, from a script: the given frames, then the end that the server chose."""

    def __init__(self, frames: list[Frame], closed: ChatClosedError | None = None) -> None:
        self.frames = frames
        self.closed = closed
        self.said: list[str] = []
        self.pinned: Frame | None = None

    async def __aiter__(self) -> AsyncIterator[Frame]:
        for frame in self.frames:
            self.pinned = pinned_after(self.pinned, frame)
            yield frame
        if self.closed:
            raise self.closed

    async def say(self, text: str) -> Frame:
        self.said.append(text)
        if text == "too fast":
            raise ChatRefusedError({"code": "rate_limited", "message": "You chat too fast.", "retry_after_ms": 2000})
        return {"t": "ack", "text": "the commands" if text == "/help" else ""}


def screen_of(chat: PlayedChat) -> ChatApp:
    return ChatApp(cast("ChatClient", chat), "ann", can_speak=True)


def lines_of(app: ChatApp) -> str:
    return "\n".join(strip.text for strip in app.query_one(RichLog).lines)


async def test_the_screen_shows_the_room_and_says_what_is_typed() -> None:
    """The backfill stands in the log; a line is sent and leaves the field, a refused one stays with its reason."""
    chat = PlayedChat(FRAMES)
    app = screen_of(chat)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "ann: hello" in lines_of(app)
        assert "3 watching" in app.sub_title
        field = app.query_one(Input)
        for text in ("hi", "/help", "too fast"):
            field.value = text
            await pilot.press("enter")
            await pilot.pause()
        assert chat.said == ["hi", "/help", "too fast"]
        assert field.value == "too fast"
        assert "the commands" in lines_of(app)
        assert "You chat too fast. (again in 2 s)" in lines_of(app)
        app.action_clear_log()
        assert lines_of(app) == ""


async def test_what_is_pinned_stands_over_the_lines() -> None:
    """From the join on, until it is taken down."""
    pinned = {"t": "pinned", "at_ms": 0, "by": {"name": "mod"}, "message": {**MESSAGE, "text": "be kind"}}
    for frames, is_shown in (
        ([{"t": "joined", "pinned": pinned}], True),
        ([{"t": "joined", "pinned": pinned}, {"t": "event", "event": {"t": "room_cleared", "at_ms": 0}}], False),
    ):
        app = screen_of(PlayedChat(frames))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            line = app.query_one("#pinned", Static)
            assert line.display is is_shown
            if is_shown:
                assert "pinned by mod: ann: be kind" in str(line.visual)
            assert "be kind" in lines_of(app)


async def test_a_room_that_closes_for_good_is_told() -> None:
    """The reason stands on the screen."""
    app = screen_of(PlayedChat([], ChatClosedError(4504, "signed out")))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "closed with 4504: signed out" in lines_of(app)


async def test_lines_for_a_pipe() -> None:
    """Plain text without colours, or one JSON frame a line; standard input is said."""
    out, chat = io.StringIO(), PlayedChat(FRAMES)
    assert await run_lines(cast("ChatClient", chat), out, as_json=False, speak_from=None) == 0
    assert "ann: hello" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    out = io.StringIO()
    await run_lines(cast("ChatClient", chat), out, as_json=True, speak_from=None)
    assert [json.loads(line)["t"] for line in out.getvalue().splitlines()] == ["joined", "info"]


async def test_closed_for_good_is_exit_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    """A script sees that it need not come back."""
    chat = PlayedChat([], ChatClosedError(4501, "bad token"))
    assert await run_lines(cast("ChatClient", chat), io.StringIO(), as_json=True, speak_from=None) == 3
    assert "4501" in capsys.readouterr().err
