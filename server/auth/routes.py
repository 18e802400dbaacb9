"""Register, log in, refresh, log out."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
