import { useSyncExternalStore } from 'react';
import { Icon } from '../components/Icon';
import { useI18n } from '../i18n/context';

function subscribe(watcher: () => void): () => void {
  window.addEventListener('online', watcher);
  window.addEventListener('offline', watcher);
  return () => {
    window.removeEventListener('online', watcher);
    window.removeEventListener('offline', watcher);
  };
}

/** One line while the browser knows of no network at all; a server that is away is told where it is missed. */
export function NetworkBanner() {
  const { t } = useI18n();
  const isOnline = useSyncExternalStore(subscribe, () => navigator.onLine);
  return (
    <div role="status">
      {!isOnline && (
        <div className="network-banner">
          <Icon name="offline" size={18} />
          {t('shell.networkGone')}
        </div>
      )}
    </div>
  );
}
