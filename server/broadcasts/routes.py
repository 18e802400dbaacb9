"""A channel's broadcast over HTTP: state, health, stop."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
