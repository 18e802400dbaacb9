"""The admin doors over HTTP; who may open which is `auth.permissions`' table."""

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.accounts.ending import announce_account_ended
from server.accounts.store import registration_open, require_another_admin
from server.admin import store
from server.auth.guards import require_permission
from server.auth.permissions import Permission, SiteRole, may, may_disable
from server.auth.sessions import Ended, end_sessions
from server.bodies import json_body, json_response, query, unix_ms
from server.broadcasts.control import end_within, perform, stop_broadcast
from server.broadcasts.store import lock_channel
from server.channels.audience import viewers_of
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.auth.tokens import Identity
    from server.db.pool import Connection
    from server.lifespan import AppState


class SiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an admin may set for the whole site."""

    registration_open: bool


class AccountsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which accounts are asked for; `before` is the `next` of the page before."""

    query: str = ""
    before: int | None = None


class AccountEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    site_role: SiteRole | msgspec.UnsetType = msgspec.UNSET


class ListedAccount(msgspec.Struct, frozen=True):
    """An account as the staff see it."""

    id: int
    name: str
    site_role: SiteRole
    created_ms: int
    disabled: bool

    @classmethod
    def of(cls, row: store.ListedAccount) -> "ListedAccount":
        """Leave out what the list doesn't show."""
        return cls(row.id, row.name, row.site_role, unix_ms(row.created_at), row.disabled)


class ListedBroadcast(msgspec.Struct, frozen=True):
    """An open broadcast as the staff see it."""

    public_id: str
    channel: str
    state: str
    title: str
    since_ms: int
    viewers: int


async def show_settings(request: "Request[AppState]") -> Response:
    """How the site is set."""
    await require_permission(request, Permission.CHANGE_SETTINGS)
    async with request.state["db"].acquire() as connection:
        return json_response(SiteSettings(registration_open=await registration_open(connection)))


async def change_settings(request: "Request[AppState]") -> Response:
    """Open or close registration."""
    await require_permission(request, Permission.CHANGE_SETTINGS)
    asked = await json_body(request, SiteSettings)
    async with request.state["db"].acquire() as connection:
        await store.set_registration_open(connection, is_open=asked.registration_open)
    return json_response(asked)


async def accounts(request: "Request[AppState]") -> Response:
    """A page of accounts, the newest first."""
    await require_permission(request, Permission.LIST_ACCOUNTS)
    asked = query(request, AccountsQuery)
    # names are ASCII: whatever else somebody looks for, nobody is called that
    is_possible = asked.query.isascii() and asked.query.isprintable()
    before = asked.before if asked.before is None else max(0, min(asked.before, 2**63 - 1))
    rows: list[store.ListedAccount] = []
    if is_possible:
        async with request.state["db"].acquire() as connection:
            rows = await store.accounts_page(connection, asked.query.strip(), before)
    page = rows[: store.PAGE_ACCOUNTS]
    following = page[-1].id if len(rows) > len(page) else None
    return json_response({"accounts": [ListedAccount.of(row) for row in page], "next": following})


async def edit_account(request: "Request[AppState]") -> Response:
    """Disable an account, let it in again, or give it another role."""
    state = request.state
    actor = await require_permission(request, Permission.DISABLE_ACCOUNTS)
    account_id: int = request.path_params["id"]
    asked = await json_body(request, AccountEdit)
    async with state["db"].acquire() as connection, connection.transaction():
        row = await store.locked_account(connection, account_id) if account_id < 2**63 else None
        if row is None:
            raise not_found("account")
        if asked.site_role is not msgspec.UNSET and asked.site_role != row.site_role:
            await _change_role(connection, actor, row, asked.site_role)
            row = replace(row, site_role=asked.site_role)
        if asked.disabled is not msgspec.UNSET:
            await _set_disabled(connection, actor, row, disabled=asked.disabled)
            row = replace(row, disabled=asked.disabled)
        ended = None
        if asked.disabled is True:  # in the same transaction: a process killed after it leaves nobody on the air
            await lock_channel(connection, row.channel_id)
            ended = await end_within(connection, row.channel_id, "account_disabled")
    if asked.disabled is True:
        await announce_account_ended(state["shards"], row.id)
    if ended is not None:
        await perform(state["control"], *ended)
    return json_response(ListedAccount.of(row))


async def broadcasts(request: "Request[AppState]") -> Response:
    """What is on the air."""
    await require_permission(request, Permission.SEE_BROADCASTS)
    async with request.state["db"].acquire() as connection:
        rows = await store.listed_broadcasts(connection)
    viewers = await viewers_of(request.state["shards"], [row.channel_id for row in rows])
    listed = [
        ListedBroadcast(
            row.public_id, row.channel, row.state, row.title, unix_ms(row.since), viewers.get(row.channel_id, 0)
        )
        for row in rows
    ]
    return json_response({"broadcasts": listed})


async def stop(request: "Request[AppState]") -> Response:
    """Take a broadcast off the air."""
    await require_permission(request, Permission.STOP_BROADCASTS)
    public_id = request.path_params["public_id"]
    is_possible = public_id.isascii() and public_id.isprintable()
    if not is_possible or not await stop_broadcast(request.state["control"], public_id, "stopped_by_staff"):
        raise not_found("broadcast")
    return Response(status_code=204)


async def _change_role(
    connection: "Connection", actor: "Identity", row: store.ListedAccount, site_role: SiteRole
) -> None:
    if not may(actor.site_role, Permission.CHANGE_ROLES):
        raise AppError("forbidden", 403, "Only an admin gives roles.")
    await require_another_admin(connection, row.id)
    await store.set_site_role(connection, row.id, site_role)


async def _set_disabled(
    connection: "Connection", actor: "Identity", row: store.ListedAccount, *, disabled: bool
) -> None:
    if not may_disable(actor.site_role, row.site_role):
        raise AppError("forbidden", 403, "Only an admin may do this to staff.")
    if disabled:
        if row.id == actor.account_id:
            raise AppError("own_account", 409, "You would lock yourself out.")
        if row.site_role == "admin":  # two admins could disable each other at the same time
            await require_another_admin(connection, row.id)
        await end_sessions(connection, row.id, Ended.DISABLED)
    await store.set_disabled(connection, row.id, disabled=disabled)


routes: list[BaseRoute] = [
    Route("/api/v1/admin/settings", show_settings),
    Route("/api/v1/admin/settings", change_settings, methods=["PATCH"]),
    Route("/api/v1/admin/accounts", accounts),
    Route("/api/v1/admin/accounts/{id:int}", edit_account, methods=["PATCH"]),
    Route("/api/v1/admin/broadcasts", broadcasts),
    Route("/api/v1/admin/broadcasts/{public_id}/stop", stop, methods=["POST"]),
]
