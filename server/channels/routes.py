"""Channels and follows over HTTP."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
