"""Who is in a room of this process: lean where thousands are plain members, counted as they come and go.  No I/O."""

from dataclasses import dataclass
from typing import NamedTuple

from chat.framing import prepare
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


class Variant(NamedTuple):
    """Sockets of one variant are sent the very same bytes."""

    encoding: Encoding
    is_deflated: bool


@dataclass(eq=False, slots=True)
class Socket:
    """One connected client as the hub knows it; without identity: a guest."""

    outlet: Outlet
    encoding: Encoding
    identity: Identity | None = None
    rooms: tuple[int, ...] = ()
    """Whoever is in one room shares that room's tuple."""

    @property
    def account_id(self) -> int | None:
        """Whose socket it is; None for a guest."""
        return self.identity.account_id if self.identity else None

    @property
    def variant(self) -> Variant:
        """Which bytes it shares."""
        return Variant(self.encoding, self.outlet.is_deflated)

    def send(self, frame: ServerFrame) -> bool:
        """Send one frame to this socket alone, now; False when it is too slow."""
        return self.outlet.offer(prepare(encode(frame, self.encoding), self.encoding))


class Standing(NamedTuple):
    """What a socket is in a room."""

    role: Role
    restriction: Restriction | None = None


_GUEST, _MEMBER = Standing("guest"), Standing("member")


class Audience:
    """Who sits in a room, what each was last told of its standing, and how many they are."""

    __slots__ = ("_standings", "by_variant", "chatters", "late")

    def __init__(self) -> None:
        self.by_variant: dict[Variant, dict[Socket, None]] = {}
        self.late: dict[Socket, int] = {}
        """Who came while frames waited, and how many of those are not for it; in no variant yet."""
        self.chatters = 0
        """Distinct accounts among the sockets; the hub, which knows all sockets of an account, keeps it."""
        self._standings: dict[Socket, Standing] = {}
        """Of those alone who are not what anybody is."""

    def __len__(self) -> int:
        return len(self.late) + sum(map(len, self.by_variant.values()))

    def __contains__(self, socket: Socket) -> bool:
        return socket in self.late or socket in self.by_variant.get(socket.variant, ())

    def add(self, socket: Socket) -> None:
        """Seat a socket that is to get everything from here on."""
        self.late.pop(socket, None)
        self.by_variant.setdefault(socket.variant, {})[socket] = None

    def add_late(self, socket: Socket, passed_over: int) -> None:
        """Seat a socket, or seat it anew, while frames wait of which the first are not for it."""
        self.by_variant.get(socket.variant, {}).pop(socket, None)
        self.late[socket] = passed_over

    def remove(self, socket: Socket) -> None:
        """Take a socket's seat, if it has one."""
        self.late.pop(socket, None)
        self.by_variant.get(socket.variant, {}).pop(socket, None)
        self._standings.pop(socket, None)

    def counts(self) -> Counts:
        """Sockets, and distinct accounts among them."""
        return Counts(len(self), self.chatters)

    def told(self, socket: Socket) -> Standing:
        """What the socket was last told; where nothing else was: a guest, or a member without restriction."""
        return self._standings.get(socket) or _plain(socket)

    def tell(self, socket: Socket, standing: Standing) -> None:
        """Remember what it is told."""
        if standing == _plain(socket):
            self._standings.pop(socket, None)
        else:
            self._standings[socket] = standing


def _plain(socket: Socket) -> Standing:
    return _GUEST if socket.identity is None else _MEMBER
