import {
  MediaControlBar,
  MediaController,
  MediaFullscreenButton,
  MediaMuteButton,
  MediaPipButton,
  MediaPlayButton,
  MediaVolumeRange,
} from 'media-chrome/react';
import { useRef, useState, type ReactNode } from 'react';
import { Button } from '../components/Button';
import { Icon } from '../components/Icon';
import { useToast } from '../components/toasts';
import { useI18n } from '../i18n/context';
import type { KeyAction } from './keys';
import { KeysDialog } from './KeysDialog';
import { PlayerMenu } from './PlayerMenu';
import './playerWords';
import { isSoundAlone } from './rungs';
import { ScrubBar } from './ScrubBar';
import { Stats } from './Stats';
import { tenth } from './timeline';
import type { Kind } from './tuning';
import { useKeys } from './useKeys';
import type { PlaybackHandle } from './usePlayback';
import './player.css';

export interface ScreenProps {
  handle: PlaybackHandle;
  kind: Kind;
  /** Whether there is anything to control. */
  isOn: boolean;
  /** What the style sheet dims by. */
  look: string;
  poster: string | null;
  /** Words over the picture. */
  over: ReactNode;
  /** In the bar, before the space: where in time one is. */
  where: ReactNode;
  /** Null where the page has no theatre mode. */
  theatre: { isOn: boolean; onToggle: () => void } | null;
}

/** media-chrome's word for what does not fade with the controls: sentences must stay. */
const STAYS = { noautohide: '' };

/** The picture with its controls and keys, live or recorded. */
export function Screen({ handle, kind, isOn, look, poster, over, where, theatre }: ScreenProps) {
  const { t, language } = useI18n();
  const toast = useToast();
  const { attach, playback, state } = handle;
  const [hasStats, setStats] = useState(false);
  const [hasKeys, setKeys] = useState(false);
  const box = useRef<HTMLDivElement>(null);

  const press = (control: string) => box.current?.querySelector<HTMLElement>(control)?.click();
  const perform = (action: KeyAction) => {
    switch (action.do) {
      case 'help':
        setKeys((is) => !is);
        return;
      case 'theatre':
        theatre?.onToggle();
        return;
      case 'fullscreen':
        press('media-fullscreen-button');
        return;
      case 'captions':
        if (!toggleCaptions(playback?.video)) toast({ kind: 'info', text: t('watch.noCaptions') });
        return;
    }
    if (playback === null || !isOn) return;
    if (action.do === 'play') playback.togglePlay();
    else if (action.do === 'mute') playback.sound.toggle();
    else if (action.do === 'seek') playback.seekBy(action.seconds);
    else if (action.do === 'volume') playback.sound.change(action.by);
    else {
      const timeline = kind === 'vod' ? playback.timeline() : null;
      if (timeline !== null) playback.seekTo(tenth(timeline, action.digit));
    }
  };
  useKeys(perform);

  return (
    <div ref={box} className="player" data-state={look}>
      <MediaController
        lang={language}
        noHotkeys
        noVolumePref
        defaultStreamType={kind === 'live' ? 'live' : 'on-demand'}
        autohide="3"
      >
        {/* captions come with the stream or not at all */}
        {/* eslint-disable-next-line jsx-a11y/media-has-caption */}
        <video slot="media" ref={attach} playsInline poster={poster ?? undefined} />
        <div slot="centered-chrome" className="player-over" {...STAYS}>
          {state.status === 'ready' && isSoundAlone(state.rungs, state.current) && <SoundAlone />}
          {over}
        </div>
        {state.isSilenced && isOn && (
          <div slot="top-chrome" className="player-top" {...STAYS}>
            <Button variant="primary" className="player-unmute" onClick={() => playback?.sound.unmute()}>
              {t('watch.unmute')}
            </Button>
          </div>
        )}
        {hasStats && playback !== null && isOn && (
          <div slot="middle-chrome" className="player-middle" {...STAYS}>
            <Stats playback={playback} state={state} kind={kind} onClose={() => setStats(false)} />
          </div>
        )}
        {isOn && playback !== null && (
          <div className="player-foot">
            <ScrubBar playback={playback} />
            <MediaControlBar className="player-bar">
              <MediaPlayButton noTooltip />
              <MediaMuteButton noTooltip />
              <MediaVolumeRange />
              {where}
              <span className="player-space" />
              <PlayerMenu
                playback={playback}
                state={state}
                kind={kind}
                hasStats={hasStats}
                onStats={() => setStats(!hasStats)}
                onKeys={() => setKeys(true)}
              />
              {theatre !== null && (
                <button
                  type="button"
                  className="player-button player-theatre"
                  aria-pressed={theatre.isOn}
                  aria-label={t(theatre.isOn ? 'watch.exitTheatre' : 'watch.theatre')}
                  title={t(theatre.isOn ? 'watch.exitTheatre' : 'watch.theatre')}
                  onClick={theatre.onToggle}
                >
                  <Icon name="device" />
                </button>
              )}
              <MediaPipButton noTooltip />
              <MediaFullscreenButton noTooltip />
            </MediaControlBar>
          </div>
        )}
      </MediaController>
      {hasKeys && <KeysDialog kind={kind} onClose={() => setKeys(false)} />}
    </div>
  );
}

/** Instead of a picture that there isn't, or of the last one that there was. */
function SoundAlone() {
  const { t } = useI18n();
  return (
    <div className="player-sound">
      <Icon name="sound" size={48} />
      <p>{t('watch.soundAlone')}</p>
    </div>
  );
}

/** Show or hide the first captions; false when there are none. */
function toggleCaptions(video: HTMLVideoElement | undefined): boolean {
  const track = [...(video?.textTracks ?? [])].find(({ kind }) => kind === 'captions' || kind === 'subtitles');
  if (track === undefined) return false;
  track.mode = track.mode === 'showing' ? 'hidden' : 'showing';
  return true;
}
