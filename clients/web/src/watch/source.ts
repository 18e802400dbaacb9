/** What a player plays.  Pure. */

import type { Kind } from './tuning';

export interface Source {
  kind: Kind;
  /** The first that the server has is played. */
  addresses: readonly string[];
  /** Shown to the server with each list, where not everybody may have it. */
  token: (() => Promise<string | null>) | null;
}

/** A live list's address: the one of all that can be rewound to first. */
export function liveSource(playlist: string): Source {
  const dvr = playlist.replace(/\/index\.m3u8(?=$|\?)/, '/dvr.m3u8');
  return { kind: 'live', addresses: dvr === playlist ? [playlist] : [dvr, playlist], token: null };
}

export function vodSource(playlist: string, token: Source['token'] = null): Source {
  return { kind: 'vod', addresses: [playlist], token };
}

export function isSameSource(one: Source | null, other: Source | null): boolean {
  return one === other || (one !== null && other !== null && one.kind === other.kind && one.addresses.join() === other.addresses.join());
}
