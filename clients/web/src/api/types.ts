/** The shapes of the HTTP API (`docs/architecture.md`).  Times are Unix milliseconds. */

export type SiteRole = 'user' | 'staff' | 'admin';
export type LiveState = 'offline' | 'starting' | 'live' | 'interrupted';
export type Severity = 'green' | 'amber' | 'red';
export type BroadcastVisibility = 'public' | 'private';

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
  /** Of the broadcasts to come. */
  visibility: BroadcastVisibility;
  /** Whether broadcasts are kept as recordings. */
  record: boolean;
}

export interface ChannelEdit {
  title?: string;
  category?: string;
  description?: string;
  visibility?: BroadcastVisibility;
  next_is_test?: boolean;
  record?: boolean;
  /** Of the broadcasts to come; null: the site's. */
  ladder?: LadderWish | null;
}

/** What a channel wants of its qualities, within what the site makes; what is left out is the site's. */
export interface LadderWish {
  rungs?: { height: number; kbps: number }[];
  max_rungs?: number;
  crf?: number;
  audio_kbps?: number;
  sound_only?: boolean;
  copy?: boolean;
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

export type Judgement = 'good' | 'warn' | 'bad';

/** One thing measured at the encoder's stream or at the worker, judged (`media/verdicts.py`). */
export interface Figure {
  metric: string;
  /** Null where there is no sound or no picture at all. */
  value: number | null;
  unit: string;
  verdict: Judgement;
  /** `ok` where the verdict is good. */
  code: string;
  /** In English, with what to change. */
  advice: string;
}

export const CHART_SERIES = ['video_kbps', 'fps', 'dropped', 'keyframe_seconds', 'audio_db', 'speed'] as const;
export type ChartSeries = (typeof CHART_SERIES)[number];

/** Figures over time; point i is of the span that begins at `from_ms + i × step_seconds × 1000`. */
export interface HealthChart {
  step_seconds: number;
  from_ms: number;
  series: Partial<Record<ChartSeries, (number | null)[]>>;
}

/** Who watched, by the minute, oldest first: the last day's minutes.  The reply has more that no page shows. */
export interface BroadcastAnalytics {
  at_ms: number[];
  viewers_max: number[];
  viewers_avg: number[];
  totals: { viewers_max: number };
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
  /** Of this broadcast, or of the next one where none is open. */
  visibility: BroadcastVisibility;
  /** Nobody but its owner sees it. */
  is_test: boolean;
  next_is_test: boolean;
  /** Of the broadcasts to come; null: the site's. */
  ladder: LadderWish | null;
  /** For the streamer's own eyes, once there is something to see. */
  playlist: string | null;
  /** Empty while nothing is known of the encoder. */
  health: Figure[];
}

export type Visibility = 'public' | 'unlisted' | 'private';

/** A past broadcast; it can be watched once its state is `ready`. */
export interface Vod {
  public_id: string;
  title: string;
  category: string;
  started_ms: number;
  duration_seconds: number;
  size_bytes: number;
  thumbnail: string;
  playlist: string;
  visibility: Visibility;
  state: string;
  /** When it is deleted by itself; null: never. */
  expires_ms: number | null;
  /** Why its end is missing; null: it is whole. */
  stopped_for: string | null;
}

/** A recording's own page. */
export interface VodDetails extends Vod {
  channel: { slug: string; name: string };
  is_owner: boolean;
}

export interface VodPage {
  vods: Vod[];
  next: number | null;
}

export interface VodEdit {
  title?: string;
  visibility?: Visibility;
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
