"""What the doors say of a channel: rows in, replies out; counts and the grace come in."""

import msgspec

from server.bodies import unix_ms
from server.broadcasts.rules import media_address
from server.channels.store import ChannelView, OpenBroadcast


class ChannelCard(msgspec.Struct, frozen=True):
    """A channel in a list."""

    id: int
    slug: str
    name: str
    title: str
    category: str
    followed: bool
    live: str
    broadcast: str | None
    since_ms: int | None
    viewers: int
    thumbnail: str | None

    @property
    def is_watchable(self) -> bool:
        """Has its broadcast sent pictures?"""
        return self.thumbnail is not None


class Channel(ChannelCard, frozen=True):
    """A channel's own page."""

    description: str
    followers: int
    playlist: str | None
    grace_until_ms: int | None
    is_owner: bool
    visibility: str
    record: bool


def card_of(view: ChannelView, viewers: int) -> ChannelCard:
    """The channel in a list."""
    channel, broadcast = view.channel, view.broadcast
    return ChannelCard(
        id=channel.id,
        slug=channel.slug,
        name=channel.name,
        title=channel.title,
        category=channel.category,
        followed=view.followed,
        live=broadcast.state if broadcast else "offline",
        broadcast=broadcast.public_id if broadcast else None,
        since_ms=unix_ms(broadcast.live_at or broadcast.created_at) if broadcast else None,
        viewers=viewers,
        # nothing to be seen before the first segment is out
        thumbnail=_address(broadcast, "media", "thumbnail.jpg") if broadcast and broadcast.live_at else None,
    )


def channel_of(view: ChannelView, viewers: int, *, grace_seconds: float, viewer_id: int | None) -> Channel:
    """The channel's own page, as `viewer_id` sees it."""
    broadcast = view.broadcast
    is_interrupted = broadcast is not None and broadcast.state == "interrupted"
    return Channel(
        **msgspec.structs.asdict(card_of(view, viewers)),
        description=view.channel.description,
        followers=view.followers,
        playlist=_address(broadcast, "live", "index.m3u8") if broadcast and broadcast.live_at else None,
        grace_until_ms=unix_ms(broadcast.state_since) + round(grace_seconds * 1000)
        if broadcast and is_interrupted
        else None,
        is_owner=viewer_id == view.channel.owner_account_id,
        visibility=view.channel.visibility,
        record=view.channel.record,
    )


def _address(broadcast: OpenBroadcast, kind: str, file: str) -> str:
    return media_address(broadcast.public_id, broadcast.capability, kind, file)


def ordered(cards: list[ChannelCard]) -> list[ChannelCard]:
    """Followed first, then what can be watched, by viewers, then by name."""
    return sorted(cards, key=lambda card: (not card.followed, not card.is_watchable, -card.viewers, card.slug))
