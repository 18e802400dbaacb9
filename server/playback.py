"""Playlists and media over HTTP."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
