"""The WebSocket door: authenticates a socket and hands it to chat.session."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
