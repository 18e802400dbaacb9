import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { randomName } from '../api/randomName';
import { useSession } from '../session/context';
import type { SessionKeeper } from '../session/keeper';
import type { Socket, Surroundings } from './link';
import { ChatStore, type ChatView } from './store';

function surroundings(keeper: SessionKeeper): Surroundings {
  return {
    open: (protocols) => {
      const address = new URL('/ws', location.href);
      address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
      return new WebSocket(address, [...protocols]) as Socket;
    },
    now: () => Date.now(),
    random: () => Math.random(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    token: () => keeper.token(),
    renew: (refused) => keeper.renew(refused),
    nonce: () => randomName(12),
  };
}

/** The chat of a room while the component is there; it follows sign-in, sign-out and renewals by itself. */
export function useChat(room: string): { store: ChatStore; view: ChatView } {
  const { keeper, status, account } = useSession();
  const store = useMemo(() => new ChatStore(room, surroundings(keeper)), [room, keeper]);
  const who = status === 'loading' ? undefined : (account?.id ?? null);

  useEffect(() => {
    const nudge = () => document.visibilityState === 'visible' && store.nudge();
    window.addEventListener('online', nudge);
    document.addEventListener('visibilitychange', nudge);
    return () => {
      window.removeEventListener('online', nudge);
      document.removeEventListener('visibilitychange', nudge);
      store.stop();
    };
  }, [store]);

  useEffect(() => {
    if (who !== undefined) store.changeWho();
  }, [store, who]);

  useEffect(() => keeper.onToken((token) => token !== null && store.greet()), [store, keeper]);

  return { store, view: useSyncExternalStore(store.subscribe, store.snapshot) };
}
