import type { ReactNode } from 'react';
import { Icon } from '../components/Icon';

const ICONS = { info: 'info', good: 'check', warn: 'alert', bad: 'alert' } as const;

/** A sentence that stays on the page, with what to do beside it. */
export function Notice({
  kind = 'info',
  children,
  actions,
}: {
  kind?: keyof typeof ICONS;
  children: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <div className={`notice notice-${kind}`} role={kind === 'bad' ? 'alert' : 'status'}>
      <Icon name={ICONS[kind]} />
      <p>{children}</p>
      {actions}
    </div>
  );
}
