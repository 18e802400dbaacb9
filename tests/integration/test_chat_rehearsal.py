"""The transport is tried before it serves; where it doesn't fit, chat goes on over plain ASGI."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from uvicorn.server import ServerState

from chat.rehearsal import RehearsalError, rehearse
from chat.transport import Door, Sockets
from server.auth.signing_keys import AccessTokens
from server.db.pool import Pool
from server.settings import Settings
from server.web import OWN_TRANSPORT, http_for
from tests.services.chat import People, in_room, web_process


class Changed(Sockets):
    """What a uvicorn of other ways would make of it."""

    def door(self, *args: Any, **options: Any) -> Door:
        door = super().door(*args, **options)
        door.handle_websocket_upgrade = self.upgrade  # type: ignore[method-assign]
        return door

    def upgrade(self) -> None:
        raise AttributeError("scope")


class Deaf(Sockets):
    """One that loses its connections."""

    def door(self, *args: Any, **options: Any) -> Door:
        door = super().door(*args, **options)
        door.server_state = ServerState()
        return door


@pytest.mark.parametrize("make_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_it_fits(make_loop: Any) -> None:
    """The installed uvicorn, on either loop."""
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(rehearse(Sockets()))


@pytest.mark.parametrize("unfit", [Changed, Deaf])
def test_it_does_not_fit(unfit: type[Sockets], monkeypatch: pytest.MonkeyPatch) -> None:
    """Then uvicorn's own protocol serves, and the metric says so."""
    monkeypatch.setattr("chat.rehearsal.REHEARSE_SECONDS", 0.5)
    with asyncio.Runner() as runner, pytest.raises(RehearsalError):
        runner.run(rehearse(unfit()))
    env = {"LEAMS_DATABASE_URL": "x", "LEAMS_REDIS_URL": "redis://x", "LEAMS_HOOK_SECRET": "x"}
    settings = Settings.from_env(env)
    assert http_for(settings, Sockets) != "httptools"
    assert OWN_TRANSPORT._value.get() == 1
    assert http_for(settings, unfit) == "httptools"
    assert OWN_TRANSPORT._value.get() == 0
    assert http_for(Settings.from_env({**env, "LEAMS_CHAT_TRANSPORT": "asgi"}), Sockets) == "httptools"


@pytest.mark.parametrize(("transport", "own"), [("auto", 1), ("asgi", 0)])
async def test_a_room_on_either(  # fixtures
    transport: str, own: int, database_url: str, redis_url: str, tmp_path: Path, db: Pool
) -> None:
    """The same conversation, and the metric says who carried it."""
    people = People(db, await AccessTokens.load(db))
    owner = await people.join()
    with web_process(database_url, redis_url, tmp_path, LEAMS_CHAT_TRANSPORT=transport) as web:
        async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
            await speaker.say(owner.room, "either way")
            assert (await reader.event())["event"]["text"] == "either way"
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{web.metrics_port}/metrics")).text
    assert f"leams_chat_own_transport {own}.0" in text


OTHER_UVICORN = """
from functools import partial
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Http

received = Http.data_received

def data_received(self, data):
    self.handle_websocket_upgrade = partial(Http.handle_websocket_upgrade, self)
    received(self, data)

Http.data_received = data_received
"""
"""One that no longer asks its subclass what to do with an upgrade; Python reads it when it starts."""


async def test_a_process_on_another_uvicorn(database_url: str, redis_url: str, tmp_path: Path, db: Pool) -> None:
    """It says what it found and serves the chat over plain ASGI, without being told to."""
    (tmp_path / "sitecustomize.py").write_text(OTHER_UVICORN)
    owner = await People(db, await AccessTokens.load(db)).join()
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with web_process(database_url, redis_url, tmp_path, LEAMS_CHAT_TRANSPORT="auto", PYTHONPATH=path) as web:
        async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
            await speaker.say(owner.room, "all the same")
            assert (await reader.event())["event"]["text"] == "all the same"
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{web.metrics_port}/metrics")).text
    assert "leams_chat_own_transport 0.0" in text
    warnings = [line for line in web.log.read_text().splitlines() if "chat_transport_unfit" in line]
    assert len(warnings) == 1
    assert json.loads(warnings[0])["level"] == "warning"
