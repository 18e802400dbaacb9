import { createContext, use, useMemo, useSyncExternalStore } from 'react';
import type { Account } from '../api/types';
import type { SessionKeeper, SessionState } from './keeper';

export const SessionContext = createContext<SessionKeeper | null>(null);

export type SessionHandle = SessionState & Pick<SessionKeeper, 'onToken'> & {
  signIn: (name: string, password: string) => Promise<Account>;
  register: (name: string, password: string) => Promise<Account>;
  signOut: () => Promise<void>;
  /** An access token that is still good, or null for a guest: for the chat's `hello`. */
  token: () => Promise<string | null>;
  keeper: SessionKeeper;
};

/** Who is here: `status` is `loading`, `signedOut` or `signedIn` (then `account` is set). */
export function useSession(): SessionHandle {
  const keeper = use(SessionContext);
  if (keeper === null) throw new Error('useSession outside <SessionContext>');
  const state = useSyncExternalStore(keeper.subscribe, keeper.snapshot);
  return useMemo(
    () => ({
      ...state,
      onToken: keeper.onToken,
      signIn: (name: string, password: string) => keeper.signIn(name, password),
      register: (name: string, password: string) => keeper.register(name, password),
      signOut: () => keeper.signOut(),
      token: () => keeper.token(),
      keeper,
    }),
    [keeper, state],
  );
}
