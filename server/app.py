"""The composition root of the web process: routes, middleware, error handlers."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from server import chat_ws, health, health_ws, rtmp_hooks
from server.accounts import routes as accounts
from server.admin import routes as admin
from server.analytics import routes as analytics
from server.auth import routes as auth
from server.broadcasts import chart_routes
from server.broadcasts import routes as broadcasts
from server.channels import key_routes
from server.channels import routes as channels
from server.errors import HANDLERS
from server.lifespan import Lifespan, lifespan_for
from server.middleware import ExchangeMiddleware
from server.recordings import routes as recordings
from server.settings import Settings


def create_app(settings: Settings, lifespan: Lifespan | None = None) -> Starlette:
    """The web application; tests may bring their own lifespan."""
    return Starlette(
        routes=[
            *chat_ws.routes,  # first: routes are tried one after the other, and a storm of sockets tries them most
            *analytics.routes,  # next: each player asks every five seconds
            *health.routes,
            *auth.routes,
            *accounts.routes,
            *channels.routes,
            *key_routes.routes,
            *broadcasts.routes,
            *chart_routes.routes,
            *health_ws.routes,
            *admin.routes,
            *recordings.routes,
            *rtmp_hooks.routes,
        ],
        middleware=[Middleware(ExchangeMiddleware)],
        exception_handlers=HANDLERS,
        lifespan=lifespan or lifespan_for(settings),
    )
