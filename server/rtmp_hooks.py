"""nginx-rtmp's on_publish and on_publish_done."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
