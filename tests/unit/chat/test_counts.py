"""What a process may say of a room's counts before it has read them anew."""

from chat.presence import Counts


def test_own_sockets_are_the_least() -> None:
    """A room has as many as one process alone seats; where players are counted, sockets say nothing of viewers."""
    assert Counts(3, 1).at_least(Counts(5, 0)) == Counts(5, 1)
    assert Counts(9, 1).at_least(Counts(5, 2)) == Counts(9, 2)
    players = Counts(3, 1, is_of_players=True)
    assert players.at_least(Counts(5, 2)) == Counts(3, 2, is_of_players=True)
