"""Which sockets each account has in this process, and when their tokens end.  Pure: `now` comes in."""

from chat.audience import Socket


class Accounts:
    """The sockets of accounts, by account and by the second of their token's end; nearly every account has one."""

    __slots__ = ("_by_end", "_sockets")

    def __init__(self) -> None:
        self._sockets: dict[int, Socket | tuple[Socket, ...]] = {}
        self._by_end: dict[int, dict[Socket, None]] = {}

    def of(self, account_id: int) -> tuple[Socket, ...]:
        """All sockets of this account, the oldest first."""
        found = self._sockets.get(account_id, ())
        return (found,) if isinstance(found, Socket) else found

    def add(self, socket: Socket) -> None:
        """A guest became an account's."""
        if (who := socket.identity) is not None:
            others = self.of(who.account_id)
            self._sockets[who.account_id] = (*others, socket) if others else socket
            self._by_end.setdefault(int(who.expires_at), {})[socket] = None

    def remove(self, socket: Socket) -> None:
        """It goes, or becomes somebody else's."""
        if (who := socket.identity) is None:
            return
        left = tuple(other for other in self.of(who.account_id) if other is not socket)
        if not left:
            del self._sockets[who.account_id]
        else:
            self._sockets[who.account_id] = left if len(left) > 1 else left[0]
        end = int(who.expires_at)
        del self._by_end[end][socket]
        if not self._by_end[end]:
            del self._by_end[end]

    def is_elsewhere_in(self, socket: Socket, room_id: int) -> bool:
        """Has the socket's account another socket in this room?"""
        account_id = socket.account_id
        if account_id is None:
            return False
        return any(room_id in other.rooms for other in self.of(account_id) if other is not socket)

    def expired(self, now: float) -> list[Socket]:
        """Whose token had ended by then (Unix seconds; to the second); they stay until they are removed."""
        ended = [end for end in self._by_end if end + 1 <= now]
        return [socket for end in ended for socket in self._by_end[end]]
