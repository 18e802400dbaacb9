import { useSyncExternalStore } from 'react';
import { recall, remember } from './storage';

export type Theme = 'system' | 'dark' | 'light';

/** The same key as in `public/theme.js`. */
const KEY = 'leams.theme';
const watchers = new Set<() => void>();

function current(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === 'dark' || chosen === 'light' ? chosen : 'system';
}

function apply(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  for (const watcher of watchers) watcher();
}

export function setTheme(theme: Theme): void {
  remember(KEY, theme === 'system' ? null : theme);
  apply(theme);
}

/** Follow a choice that was made in another tab. */
function onStorage(event: StorageEvent): void {
  if (event.key !== KEY) return;
  const chosen = recall(KEY);
  apply(chosen === 'dark' || chosen === 'light' ? chosen : 'system');
}

function subscribe(watcher: () => void): () => void {
  if (watchers.size === 0) window.addEventListener('storage', onStorage);
  watchers.add(watcher);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) window.removeEventListener('storage', onStorage);
  };
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, current);
}
