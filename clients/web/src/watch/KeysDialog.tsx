import { Dialog } from '../components/Dialog';
import { useI18n } from '../i18n/context';

const KEYS = [
  [['Space', 'K'], 'watch.keyPlay'],
  [['M'], 'watch.keyMute'],
  [['F'], 'watch.keyFullscreen'],
  [['T'], 'watch.keyTheatre'],
  [['C'], 'watch.keyCaptions'],
  [['←', '→'], 'watch.keySeek5'],
  [['J', 'L'], 'watch.keySeek10'],
  [['↑', '↓'], 'watch.keyVolume'],
  [['?'], 'watch.keyHelp'],
] as const;

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  return (
    <Dialog title={t('watch.keys')} onClose={onClose}>
      <dl className="player-keys">
        {KEYS.map(([keys, words]) => (
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
