-- One statement ends with a semicolon at a line's end. Times are timestamptz; a duration's unit is in its name.

CREATE TABLE accounts (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name          text NOT NULL,
  display_name  text NOT NULL,
  password_hash text NOT NULL,
  site_role     text NOT NULL DEFAULT 'user' CHECK (site_role IN ('user', 'staff', 'admin')),
  must_change_password boolean NOT NULL DEFAULT false,
  created_at    timestamptz NOT NULL DEFAULT now(),
  disabled_at   timestamptz,
  deleted_at    timestamptz
);
-- names are unique whatever their case; a deleted account keeps its row (messages point at it) under a freed name
CREATE UNIQUE INDEX accounts_name ON accounts (lower(name));

-- one row a signed-in device: the family of its refresh tokens
CREATE TABLE sessions (
  id           uuid PRIMARY KEY,
  account_id   bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  user_agent   text NOT NULL DEFAULT '',
  address      text NOT NULL DEFAULT '',
  revoked_at   timestamptz,
  revoked_for  text
);
CREATE INDEX sessions_account ON sessions (account_id);

CREATE TABLE refresh_tokens (
  hash       bytea PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
  issued_at  timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE signing_keys (
  kid         text PRIMARY KEY,
  private_pem text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  retired_at  timestamptz
);

CREATE TABLE site_settings (
  only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  registration_open boolean NOT NULL DEFAULT true
);
INSERT INTO site_settings DEFAULT VALUES;

CREATE TABLE channels (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner_account_id  bigint NOT NULL UNIQUE REFERENCES accounts ON DELETE CASCADE,
  slug              text NOT NULL UNIQUE,
  title             text NOT NULL DEFAULT '',
  category          text NOT NULL DEFAULT '',
  description       text NOT NULL DEFAULT '',
  created_at        timestamptz NOT NULL DEFAULT now(),
  publish_blocked_until timestamptz
);

CREATE TABLE follows (
  account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
  channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (account_id, channel_id)
);
CREATE INDEX follows_channel ON follows (channel_id);

CREATE TABLE stream_keys (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  channel_id   bigint NOT NULL REFERENCES channels ON DELETE CASCADE,
  label        text NOT NULL,
  hash         bytea NOT NULL UNIQUE,
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at   timestamptz
);
CREATE INDEX stream_keys_channel ON stream_keys (channel_id);

CREATE TABLE broadcasts (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id        text NOT NULL UNIQUE,
  channel_id       bigint NOT NULL REFERENCES channels ON DELETE CASCADE,
  stream_key_id    bigint REFERENCES stream_keys ON DELETE SET NULL,
  state            text NOT NULL CHECK (state IN ('starting', 'live', 'interrupted', 'ended')),
  title            text NOT NULL,
  category         text NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  state_since      timestamptz NOT NULL DEFAULT now(),
  live_at          timestamptz,
  ended_at         timestamptz,
  end_reason       text,
  -- the ingest session that owns the stream: nginx's connection number restarts at 1, so the address goes with it
  publish_count    integer NOT NULL DEFAULT 1,
  published_at     timestamptz NOT NULL DEFAULT now(),
  ingest_client_id text,
  ingest_address   text,
  takeovers        timestamptz[] NOT NULL DEFAULT '{}',
  source           jsonb,
  media_deleted_at timestamptz
);
-- a channel has at most one broadcast that has not ended
CREATE UNIQUE INDEX broadcasts_open ON broadcasts (channel_id) WHERE state <> 'ended';
CREATE INDEX broadcasts_channel ON broadcasts (channel_id, created_at DESC);

-- the room of a channel has the channel's id
CREATE TABLE room_roles (
  channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE,
  account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
  role       text NOT NULL CHECK (role IN ('moderator', 'vip')),
  granted_by bigint REFERENCES accounts ON DELETE SET NULL,
  granted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (channel_id, account_id)
);

CREATE TABLE room_rules (
  channel_id        bigint PRIMARY KEY REFERENCES channels ON DELETE CASCADE,
  slow_seconds      integer NOT NULL DEFAULT 0,
  followers_only_seconds integer,  -- null: everybody; 0: any follower; n: follower for at least n seconds
  version           bigint NOT NULL DEFAULT 0  -- grows with every change of rules, roles or sanctions of the room
);

CREATE TABLE sanctions (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE,
  account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
  kind       text NOT NULL CHECK (kind IN ('timeout', 'ban')),
  reason     text NOT NULL DEFAULT '',
  created_by bigint REFERENCES accounts ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  until      timestamptz,  -- null: a ban
  lifted_by  bigint REFERENCES accounts ON DELETE SET NULL,
  lifted_at  timestamptz
);
CREATE INDEX sanctions_active ON sanctions (channel_id, account_id) WHERE lifted_at IS NULL;

-- events committed with their cause; `server jobs` relays each until it stands in the room's log
CREATE TABLE room_outbox (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE,
  event      jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  relayed_at timestamptz
);
CREATE INDEX room_outbox_waiting ON room_outbox (id) WHERE relayed_at IS NULL;

CREATE TABLE chat_events (
  channel_id  bigint NOT NULL,
  epoch       text NOT NULL,
  "offset"    bigint NOT NULL,
  at          timestamptz NOT NULL,
  kind        text NOT NULL,
  account_id  bigint,
  event       jsonb NOT NULL,
  PRIMARY KEY (channel_id, epoch, "offset")
);
CREATE INDEX chat_events_recent ON chat_events (channel_id, at DESC);
CREATE INDEX chat_events_account ON chat_events (channel_id, account_id);
