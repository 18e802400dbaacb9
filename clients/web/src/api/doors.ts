import type { Http } from './http';
import type {
  Account,
  AccountPage,
  AccountRow,
  BroadcastAnalytics,
  BroadcastHealth,
  BroadcastRow,
  Channel,
  ChannelCard,
  ChannelEdit,
  HealthChart,
  NewStreamKey,
  Session,
  SignedInDevice,
  SiteRole,
  SiteSettings,
  StreamKeys,
  VodDetails,
  VodEdit,
  VodPage,
} from './types';

const enc = encodeURIComponent;

/** Every door of the HTTP API as a function; the table is in `docs/architecture.md`. */
export function openDoors(http: Http) {
  const channel = (slug: string) => `/channels/${enc(slug)}`;
  return {
    auth: {
      registration: (signal?: AbortSignal) => http.send<{ open: boolean }>('/auth/registration', { signal, anonymous: true }),
      register: (name: string, password: string) =>
        http.send<Session>('/auth/register', { method: 'POST', body: { name, password }, anonymous: true }),
      login: (name: string, password: string) =>
        http.send<Session>('/auth/login', { method: 'POST', body: { name, password }, anonymous: true }),
      refresh: (attempt: string) =>
        http.send<Session>('/auth/refresh', {
          method: 'POST',
          anonymous: true,
          headers: { 'X-Leams-Attempt': attempt },
        }),
      logout: () => http.send<undefined>('/auth/logout', { method: 'POST', anonymous: true }),
    },
    account: {
      read: (signal?: AbortSignal) => http.send<Account>('/account', { signal }),
      remove: (password: string) => http.send<undefined>('/account', { method: 'DELETE', body: { password } }),
      changePassword: (oldPassword: string, newPassword: string) =>
        http.send<Session>('/account/password', {
          method: 'PUT',
          body: { old_password: oldPassword, new_password: newPassword },
        }),
      sessions: (signal?: AbortSignal) => http.send<{ sessions: SignedInDevice[] }>('/account/sessions', { signal }),
      endSession: (id: string) => http.send<undefined>(`/account/sessions/${enc(id)}`, { method: 'DELETE' }),
      signOutEverywhere: () => http.send<undefined>('/account/sign-out-everywhere', { method: 'POST' }),
      follows: (signal?: AbortSignal) => http.send<{ channels: ChannelCard[] }>('/account/follows', { signal }),
    },
    channels: {
      live: (signal?: AbortSignal) => http.send<{ channels: ChannelCard[] }>('/channels', { query: { live: 1 }, signal }),
      read: (slug: string, signal?: AbortSignal) => http.send<Channel>(channel(slug), { signal }),
      edit: (slug: string, edit: ChannelEdit) => http.send<Channel>(channel(slug), { method: 'PATCH', body: edit }),
      follow: (slug: string) => http.send<undefined>(`${channel(slug)}/follow`, { method: 'PUT' }),
      unfollow: (slug: string) => http.send<undefined>(`${channel(slug)}/follow`, { method: 'DELETE' }),
    },
    keys: {
      list: (slug: string, signal?: AbortSignal) => http.send<StreamKeys>(`${channel(slug)}/stream-keys`, { signal }),
      create: (slug: string, label: string) =>
        http.send<NewStreamKey>(`${channel(slug)}/stream-keys`, { method: 'POST', body: { label } }),
      rotate: (slug: string, id: number) =>
        http.send<NewStreamKey>(`${channel(slug)}/stream-keys/${id}/rotate`, { method: 'POST' }),
      revoke: (slug: string, id: number) =>
        http.send<undefined>(`${channel(slug)}/stream-keys/${id}`, { method: 'DELETE' }),
    },
    broadcast: {
      health: (slug: string, signal?: AbortSignal) => http.send<BroadcastHealth>(`${channel(slug)}/broadcast`, { signal }),
      stop: (slug: string) => http.send<undefined>(`${channel(slug)}/broadcast/stop`, { method: 'POST' }),
      chart: (slug: string, minutes: number, signal?: AbortSignal) =>
        http.send<HealthChart>(`${channel(slug)}/broadcast/health`, { query: { minutes }, signal }),
      wholeChart: (slug: string, publicId: string, signal?: AbortSignal) =>
        http.send<HealthChart>(`${channel(slug)}/broadcasts/${enc(publicId)}/health`, { signal }),
      analytics: (slug: string, publicId: string, signal?: AbortSignal) =>
        http.send<BroadcastAnalytics>(`${channel(slug)}/broadcasts/${enc(publicId)}/analytics`, { signal }),
      rotateCapability: (slug: string) =>
        http.send<undefined>(`${channel(slug)}/broadcast/rotate-capability`, { method: 'POST' }),
    },
    vods: {
      list: (slug: string, before?: number, signal?: AbortSignal) =>
        http.send<VodPage>(`${channel(slug)}/vods`, { query: { before }, signal }),
      read: (publicId: string, signal?: AbortSignal) => http.send<VodDetails>(`/vods/${enc(publicId)}`, { signal }),
      edit: (publicId: string, edit: VodEdit) => http.send<VodDetails>(`/vods/${enc(publicId)}`, { method: 'PATCH', body: edit }),
      remove: (publicId: string) => http.send<undefined>(`/vods/${enc(publicId)}`, { method: 'DELETE' }),
    },
    admin: {
      settings: (signal?: AbortSignal) => http.send<SiteSettings>('/admin/settings', { signal }),
      changeSettings: (settings: SiteSettings) =>
        http.send<SiteSettings>('/admin/settings', { method: 'PATCH', body: settings }),
      accounts: (query: string, before?: string | number, signal?: AbortSignal) =>
        http.send<AccountPage>('/admin/accounts', { query: { query, before }, signal }),
      changeAccount: (id: number, change: { disabled?: boolean; site_role?: SiteRole }) =>
        http.send<AccountRow>(`/admin/accounts/${id}`, { method: 'PATCH', body: change }),
      broadcasts: (signal?: AbortSignal) => http.send<{ broadcasts: BroadcastRow[] }>('/admin/broadcasts', { signal }),
      stopBroadcast: (publicId: string) =>
        http.send<undefined>(`/admin/broadcasts/${enc(publicId)}/stop`, { method: 'POST' }),
    },
  };
}

export type Api = ReturnType<typeof openDoors>;
