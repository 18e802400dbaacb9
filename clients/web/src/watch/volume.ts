import { recall, remember } from '../preferences/storage';

const KEY = 'leams.volume';

export interface Loudness {
  /** 0 to 1. */
  volume: number;
  muted: boolean;
}

export function readLoudness(text: string | null): Loudness {
  try {
    const kept = JSON.parse(text ?? '{}') as Partial<Loudness> | null;
    const volume = kept?.volume;
    const isVolume = typeof volume === 'number' && volume >= 0 && volume <= 1;
    return { volume: isVolume ? volume : 1, muted: kept?.muted === true };
  } catch {
    return { volume: 1, muted: false };
  }
}

export const recallLoudness = (): Loudness => readLoudness(recall(KEY));

export function rememberLoudness(loudness: Loudness): void {
  remember(KEY, JSON.stringify(loudness));
}
