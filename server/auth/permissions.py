"""What each site role may do, as one table.  Pure: rooms have roles of their own, in `chat`."""

from enum import StrEnum
from typing import Final, Literal

SiteRole = Literal["user", "staff", "admin"]


class Permission(StrEnum):
    """One thing on the site that not everybody may do."""

    LIST_ACCOUNTS = "list_accounts"
    DISABLE_ACCOUNTS = "disable_accounts"
    CHANGE_ROLES = "change_roles"
    SEE_BROADCASTS = "see_broadcasts"
    STOP_BROADCASTS = "stop_broadcasts"
    CHANGE_SETTINGS = "change_settings"


_STAFF: Final = frozenset(
    {
        Permission.LIST_ACCOUNTS,
        Permission.DISABLE_ACCOUNTS,
        Permission.SEE_BROADCASTS,
        Permission.STOP_BROADCASTS,
    }
)

PERMISSIONS: Final[dict[SiteRole, frozenset[Permission]]] = {
    "user": frozenset(),
    "staff": _STAFF,
    "admin": _STAFF | {Permission.CHANGE_ROLES, Permission.CHANGE_SETTINGS},
}

_RANK: Final[dict[SiteRole, int]] = {"user": 0, "staff": 1, "admin": 2}


def may(role: SiteRole, permission: Permission) -> bool:
    """Does the role include the permission?"""
    return permission in PERMISSIONS[role]


def may_disable(actor: SiteRole, target: SiteRole) -> bool:
    """Staff disable those below them; admins anybody."""
    return may(actor, Permission.DISABLE_ACCOUNTS) and (actor == "admin" or _RANK[actor] > _RANK[target])
