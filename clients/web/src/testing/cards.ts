import type { Channel, ChannelCard } from '../api/types';

/** A live channel for tests. */
export function card(slug: string, more: Partial<ChannelCard> = {}): ChannelCard {
  return {
    id: slug.length,
    slug,
    name: slug,
    title: `${slug} live`,
    category: '',
    followed: false,
    live: 'live',
    broadcast: `b-${slug}`,
    since_ms: Date.now() - 3_723_000,
    viewers: 3,
    thumbnail: `/media/b-${slug}/thumbnail.jpg`,
    ...more,
  };
}

export function channel(slug: string, more: Partial<Channel> = {}): Channel {
  return {
    ...card(slug),
    description: '',
    followers: 0,
    playlist: null,
    grace_until_ms: null,
    is_owner: true,
    ...more,
  };
}
