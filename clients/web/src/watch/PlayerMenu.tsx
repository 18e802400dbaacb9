import { Icon } from '../components/Icon';
import { Menu, type MenuEntry } from '../components/Menu';
import { useI18n } from '../i18n/context';
import type { Playback } from './playback';
import { rungAt, rungName } from './rungs';
import type { PlaybackState } from './state';
import type { Kind } from './tuning';

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

/** The real rungs, Auto with the one it plays, and the rest that is rarely asked for. */
export function PlayerMenu({
  playback,
  state,
  kind,
  hasStats,
  onStats,
  onKeys,
}: {
  playback: Playback | null;
  state: PlaybackState;
  kind: Kind;
  hasStats: boolean;
  onStats: () => void;
  onKeys: () => void;
}) {
  const { t, number } = useI18n();
  const nameOf = (index: number | null) => {
    const rung = rungAt(state.rungs, index);
    return rung === undefined ? null : (rungName(rung) ?? t('watch.soundAlone'));
  };
  const now = nameOf(state.current);
  const rungs: MenuEntry[] =
    state.rungs.length === 0
      ? []
      : [
          { kind: 'heading', label: t('watch.quality') },
          {
            kind: 'choice',
            label: now !== null && state.chosen === null ? t('watch.autoNow', { rung: now }) : t('watch.auto'),
            isChosen: state.chosen === null,
            onSelect: () => playback?.chooseRung(null),
          },
          ...distinct(state.rungs.map((rung) => ({ ...rung, name: rungName(rung) ?? t('watch.soundAlone') }))).map<MenuEntry>(
            ({ index, name }) => ({
              kind: 'choice',
              label: name,
              isChosen: state.chosen === index,
              onSelect: () => playback?.chooseRung(index),
            }),
          ),
        ];
  const speeds: MenuEntry[] =
    kind === 'live'
      ? []
      : [
          { kind: 'heading', label: t('watch.speed') },
          ...SPEEDS.map<MenuEntry>((speed) => ({
            kind: 'choice',
            label: speed === 1 ? t('watch.speedNormal') : `${number(speed)}×`,
            isChosen: state.speed === speed,
            onSelect: () => playback?.setSpeed(speed),
          })),
        ];
  const entries: MenuEntry[] = [
    ...rungs,
    ...speeds,
    { kind: 'heading', label: t('watch.player') },
    { kind: 'choice', label: t('watch.stats'), isChosen: hasStats, onSelect: onStats },
    { kind: 'action', label: t('watch.keys'), onSelect: onKeys },
  ];
  return <Menu className="player-menu" label={t('watch.more')} trigger={<Icon name="settings" />} entries={entries} />;
}

/** Two rungs of one name are told apart by their bit rate. */
function distinct(rungs: { index: number; name: string; kbps: number }[]): { index: number; name: string }[] {
  return rungs.map(({ index, name, kbps }) => {
    const isShared = rungs.some((other) => other.index !== index && other.name === name);
    return { index, name: isShared ? `${name}, ${kbps} kbit/s` : name };
  });
}
