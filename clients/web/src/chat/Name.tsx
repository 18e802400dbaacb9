import type { CSSProperties, ReactNode } from 'react';
import { useI18n } from '../i18n/context';
import { hueOf } from './text';
import type { Role } from './events';

const BADGES = {
  owner: { key: 'chat.badgeOwner', path: 'M3 18h18v2H3zM3 7l5 4 4-7 4 7 5-4-2 9H5z' },
  moderator: { key: 'chat.badgeModerator', path: 'M12 2l8 3v6c0 5-3.400 9-8 11-4.600-2-8-6-8-11V5z' },
  vip: { key: 'chat.badgeVip', path: 'M6 3h12l4 6-10 12L2 9z' },
} as const;

/** A role's badge, with its name for those who don't see it. */
export function Badge({ role }: { role: Role }): ReactNode {
  const { t } = useI18n();
  if (role === 'member' || role === 'guest') return null;
  const { key, path } = BADGES[role];
  return (
    <span className={`chat-badge chat-badge-${role}`} role="img" aria-label={t(key)} title={t(key)}>
      <svg viewBox="0 0 24 24" width="12" height="12" aria-hidden="true" focusable="false">
        <path d={path} fill="currentColor" />
      </svg>
    </span>
  );
}

export function hueStyle(name: string): CSSProperties {
  return { '--hue': hueOf(name) } as CSSProperties;
}
