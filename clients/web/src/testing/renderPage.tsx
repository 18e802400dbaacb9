import { render, type RenderResult } from '@testing-library/react';
import type { ReactNode } from 'react';
import { MemoryRouter } from 'react-router';
import { ApiContext } from '../api/context';
import { openDoors, type Api } from '../api/doors';
import { Http } from '../api/http';
import type { Account, Session } from '../api/types';
import { ToastProvider } from '../components/ToastProvider';
import { I18nProvider } from '../i18n/I18nProvider';
import type { Language } from '../i18n/languages';
import { SessionContext } from '../session/context';
import { SessionKeeper } from '../session/keeper';

export const ANNA: Account = {
  id: 7,
  name: 'Anna',
  display_name: 'Anna',
  site_role: 'user',
  must_change_password: false,
  channel: 'anna',
  created_ms: 1_700_000_000_000,
};

export function sessionOf(account: Account, token = 'token-1'): Session {
  return { access_token: token, expires_in_seconds: 600, account };
}

export interface Rendered extends RenderResult {
  api: Api;
  keeper: SessionKeeper;
}

/** Render under all the providers of `main.tsx`, over the real client; `account` is signed in, null is a guest. */
export function renderPage(
  page: ReactNode,
  { at = '/', account = null, language = 'en' }: { at?: string; account?: Account | null; language?: Language } = {},
): Rendered {
  const http = new Http();
  const api = openDoors(http);
  const keeper = new SessionKeeper(api.auth);
  http.tokens = keeper;
  if (account === null) keeper.start();
  else keeper.adopt(sessionOf(account));
  const result = render(
    <I18nProvider initial={language}>
      <ApiContext value={api}>
        <SessionContext value={keeper}>
          <ToastProvider>
            <MemoryRouter initialEntries={[at]}>{page}</MemoryRouter>
          </ToastProvider>
        </SessionContext>
      </ApiContext>
    </I18nProvider>,
  );
  return { ...result, api, keeper };
}
