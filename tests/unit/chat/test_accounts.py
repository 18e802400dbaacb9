"""chat.accounts: sockets by account and by the end of their tokens."""

from chat.accounts import Accounts
from chat.audience import Identity
from tests.unit.chat.sockets import listening_socket


def test_an_account_may_have_several_sockets() -> None:
    """In the order they came; a guest is nobody's."""
    accounts = Accounts()
    first, second, third = (listening_socket(7)[0] for _ in range(3))
    guest, _ = listening_socket()
    for socket in (first, second, third, guest):
        accounts.add(socket)
    assert accounts.of(7) == (first, second, third)
    first.rooms = (5, 6)
    assert accounts.is_elsewhere_in(second, 5)
    assert not accounts.is_elsewhere_in(first, 5)
    assert not accounts.is_elsewhere_in(guest, 5)
    for gone, left in ((guest, (first, second, third)), (first, (second, third)), (second, (third,)), (third, ())):
        accounts.remove(gone)
        assert accounts.of(7) == left


def test_a_token_s_end_is_found_without_asking_everybody() -> None:
    """To the second, and until the socket is taken away."""
    accounts = Accounts()
    early, late = (listening_socket()[0] for _ in range(2))
    early.identity = Identity(1, "a", "s", 100.5)
    late.identity = Identity(2, "b", "t", 101.0)
    accounts.add(early)
    accounts.add(late)
    assert accounts.expired(100.9) == []
    assert accounts.expired(101.0) == [early]
    assert accounts.expired(500) == [early, late]
    accounts.remove(early)
    assert accounts.expired(500) == [late]
