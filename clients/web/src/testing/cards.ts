import type { Channel, ChannelCard, Vod } from '../api/types';

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
    visibility: 'public',
    record: true,
    ...more,
  };
}

/** A past broadcast that can be watched. */
export function vod(publicId: string, more: Partial<Vod> = {}): Vod {
  return {
    public_id: publicId,
    title: `Evening ${publicId}`,
    category: '',
    started_ms: Date.now() - 86_400_000,
    duration_seconds: 3723,
    size_bytes: 1_400_000_000,
    thumbnail: `/media/${publicId}/thumbnail.jpg`,
    playlist: `/vod/${publicId}/index.m3u8`,
    visibility: 'public',
    state: 'ready',
    expires_ms: null,
    stopped_for: null,
    ...more,
  };
}
