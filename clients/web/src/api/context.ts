import { createContext, use } from 'react';
import type { Api } from './doors';

export const ApiContext = createContext<Api | null>(null);

/** The typed doors of the server: `useApi().channels.read(slug, signal)`. */
export function useApi(): Api {
  const api = use(ApiContext);
  if (api === null) throw new Error('useApi outside <ApiContext>');
  return api;
}
