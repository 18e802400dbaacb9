"""The sockets of one room in this process: each encoding is built once, then offered to all.  No I/O of its own."""

from dataclasses import dataclass, field

from chat.codes import Close
from chat.outbox import prepare
from chat.outlet import Outlet
from chat.presence import Counts
from chat.wire import Encoding, Restriction, Role, ServerFrame, encode


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token stands for, and until when (Unix seconds)."""

    account_id: int
    name: str
    session_id: str
    expires_at: float
    is_staff: bool = False


@dataclass(eq=False, slots=True)
class Socket:
    """One connected client as the hub knows it; without identity: a guest."""

    outlet: Outlet
    encoding: Encoding
    identity: Identity | None = None
    rooms: set[int] = field(default_factory=set)

    @property
    def account_id(self) -> int | None:
        """Whose socket it is; None for a guest."""
        return self.identity.account_id if self.identity else None

    def send(self, frame: ServerFrame) -> bool:
        """Offer one frame to this socket alone; False when it is too slow."""
        return self.outlet.offer(prepare(encode(frame, self.encoding), self.encoding))


@dataclass(slots=True)
class Seat:
    """What a socket was last told of its standing in the room."""

    role: Role = "guest"
    restriction: Restriction | None = None


class Audience:
    """Who sits in a room."""

    def __init__(self) -> None:
        self.seats: dict[Socket, Seat] = {}
        self._by_encoding: dict[Encoding, set[Socket]] = {encoding: set() for encoding in Encoding}

    def add(self, socket: Socket, seat: Seat) -> None:
        """Seat a socket, or seat it anew."""
        self.seats[socket] = seat
        self._by_encoding[socket.encoding].add(socket)

    def remove(self, socket: Socket) -> None:
        """Take a socket's seat, if it has one."""
        self.seats.pop(socket, None)
        self._by_encoding[socket.encoding].discard(socket)

    def counts(self) -> Counts:
        """Sockets, and distinct accounts among them."""
        accounts = {socket.identity.account_id for socket in self.seats if socket.identity}
        return Counts(len(self.seats), len(accounts))

    def broadcast(self, frame: ServerFrame) -> list[Socket]:
        """Offer one frame to everybody; answers the sockets that are too slow, already closed with SLOW."""
        slow: list[Socket] = []
        for encoding, sockets in self._by_encoding.items():
            if not sockets:
                continue
            prepared = prepare(encode(frame, encoding), encoding)
            slow.extend(socket for socket in sockets if not socket.outlet.offer(prepared))
        for socket in slow:
            socket.outlet.close(Close.SLOW, "you read too slowly: come back and recover")
        return slow
