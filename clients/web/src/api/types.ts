/** The shapes of the HTTP API (`docs/architecture.md`).  Times are Unix milliseconds. */

export type SiteRole = 'user' | 'staff' | 'admin';
export type LiveState = 'offline' | 'starting' | 'live' | 'interrupted';
export type Severity = 'green' | 'amber' | 'red';

export interface Account {
  id: number;
  name: string;
  display_name: string;
  site_role: SiteRole;
  must_change_password: boolean;
  channel: string;
  created_ms: number;
}

export interface Session {
  access_token: string;
  expires_in_seconds: number;
  account: Account;
}

export interface SignedInDevice {
  id: string;
  created_ms: number;
  last_used_ms: number;
  user_agent: string;
  address: string;
  current: boolean;
}

export interface ChannelCard {
  id: number;
  slug: string;
  name: string;
  title: string;
  category: string;
  followed: boolean;
  live: LiveState;
  broadcast: string | null;
  since_ms: number | null;
  viewers: number;
  thumbnail: string | null;
}

export interface Channel extends ChannelCard {
  description: string;
  followers: number;
  playlist: string | null;
  grace_until_ms: number | null;
  is_owner: boolean;
}

export interface ChannelEdit {
  title?: string;
  category?: string;
  description?: string;
}

export interface StreamKey {
  id: number;
  label: string;
  created_ms: number;
  last_used_ms: number | null;
  revoked: boolean;
}

export interface StreamKeys {
  keys: StreamKey[];
  server: string;
}

/** A key as it is answered once, with the secret that is never shown again. */
export interface NewStreamKey {
  key: StreamKey;
  secret: string;
}

export interface BroadcastSource {
  width: number;
  height: number;
  fps: number;
  video_codec: string;
  audio_codec: string | null;
  video_kbps: number | null;
  audio_kbps: number | null;
  keyframe_seconds: number | null;
}

export interface BroadcastRendition {
  name: string;
  width: number | null;
  height: number | null;
  fps: number | null;
  kbps: number;
}

export interface BroadcastWarning {
  code: string;
  message: string;
  severity: string;
}

export interface RefusedEncoder {
  at_ms: number;
  code: string;
  message: string;
}

export interface BroadcastHealth {
  state: LiveState;
  public_id: string | null;
  since_ms: number | null;
  source: BroadcastSource | null;
  renditions: BroadcastRendition[];
  speed: number | null;
  warnings: BroadcastWarning[];
  refused: RefusedEncoder | null;
  viewers: number;
}

export interface SiteSettings {
  registration_open: boolean;
}

export interface AccountRow {
  id: number;
  name: string;
  site_role: SiteRole;
  created_ms: number;
  disabled: boolean;
}

export interface AccountPage {
  accounts: AccountRow[];
  next: string | number | null;
}

export interface BroadcastRow {
  public_id: string;
  channel: string;
  state: LiveState;
  title: string;
  since_ms: number;
  viewers: number;
}
