"""The admin doors over HTTP."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
