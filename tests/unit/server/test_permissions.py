"""The table of site roles."""

from server.auth.permissions import PERMISSIONS, Permission, may, may_disable


def test_each_role_includes_the_one_below() -> None:
    """User below staff below admin, and an admin may everything."""
    assert PERMISSIONS["user"] < PERMISSIONS["staff"] < PERMISSIONS["admin"] == frozenset(Permission)


def test_staff_give_no_roles_and_change_no_settings() -> None:
    """What cannot be taken back by staff is an admin's."""
    for permission in (Permission.CHANGE_ROLES, Permission.CHANGE_SETTINGS):
        assert not may("staff", permission)
        assert may("admin", permission)


def test_who_may_disable_whom() -> None:
    """Staff those below them, admins anybody, users nobody."""
    roles = list(PERMISSIONS)
    allowed = {(actor, target) for actor in roles for target in roles if may_disable(actor, target)}
    assert allowed == {("staff", "user"), ("admin", "user"), ("admin", "staff"), ("admin", "admin")}
