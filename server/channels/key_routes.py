"""Stream keys over HTTP."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
