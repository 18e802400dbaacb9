import { useSyncExternalStore } from 'react';
import { recall, remember } from '../preferences/storage';

/** How one likes the chat: kept on this device. */
export interface ChatPreferences {
  fontSize: 's' | 'm' | 'l';
  timestamps: boolean;
}

const KEY = 'leams.chat';
const FIRST: ChatPreferences = { fontSize: 'm', timestamps: false };
const SIZES: readonly unknown[] = ['s', 'm', 'l'];
const watchers = new Set<() => void>();
let current: ChatPreferences | null = null;

/** What was kept, as far as it is still understood. */
export function readPreferences(text: string | null): ChatPreferences {
  try {
    const kept = JSON.parse(text ?? '{}') as Partial<ChatPreferences> | null;
    return {
      fontSize: SIZES.includes(kept?.fontSize) ? (kept?.fontSize ?? 'm') : FIRST.fontSize,
      timestamps: kept?.timestamps === true,
    };
  } catch {
    return FIRST;
  }
}

function snapshot(): ChatPreferences {
  current ??= readPreferences(recall(KEY));
  return current;
}

export function changeChatPreferences(change: Partial<ChatPreferences>): void {
  current = { ...snapshot(), ...change };
  remember(KEY, JSON.stringify(current));
  for (const watcher of watchers) watcher();
}

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function useChatPreferences(): ChatPreferences {
  return useSyncExternalStore(subscribe, snapshot);
}
