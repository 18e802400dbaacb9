import { Dialog } from '../components/Dialog';
import { useI18n } from '../i18n/context';
import type { Kind } from './tuning';

const KEYS = [
  [['Space', 'K'], 'watch.keyPlay'],
  [['M'], 'watch.keyMute'],
  [['F'], 'watch.keyFullscreen'],
  [['T'], 'watch.keyTheatre'],
  [['C'], 'watch.keyCaptions'],
  [['←', '→'], 'watch.keySeek5'],
  [['J', 'L'], 'watch.keySeek10'],
  [['0', '…', '9'], 'watch.keyTenth'],
  [['↑', '↓'], 'watch.keyVolume'],
  [['?'], 'watch.keyHelp'],
] as const;

/** Keys that mean nothing to a live picture, and those that mean nothing to a recording. */
const ONLY: Readonly<Record<string, Kind>> = { 'watch.keyTenth': 'vod', 'watch.keyTheatre': 'live' };

export function KeysDialog({ kind, onClose }: { kind: Kind; onClose: () => void }) {
  const { t } = useI18n();
  return (
    <Dialog title={t('watch.keys')} onClose={onClose}>
      <dl className="player-keys">
        {KEYS.filter(([, words]) => (ONLY[words] ?? kind) === kind).map(([keys, words]) => (
          <div key={words}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(words)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
