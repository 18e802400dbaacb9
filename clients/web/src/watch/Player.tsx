import {
  MediaControlBar,
  MediaController,
  MediaFullscreenButton,
  MediaMuteButton,
  MediaPipButton,
  MediaPlayButton,
  MediaVolumeRange,
} from 'media-chrome/react';
import { useRef, useState } from 'react';
import { Button } from '../components/Button';
import { Icon } from '../components/Icon';
import { useToast } from '../components/toasts';
import { useI18n } from '../i18n/context';
import type { RoomLive } from '../chat/wire';
import type { KeyAction } from './keys';
import { KeysDialog } from './KeysDialog';
import type { Live } from './live';
import { LiveBadge } from './LiveBadge';
import { Overlay } from './Overlay';
import { PlayerMenu } from './PlayerMenu';
import './playerWords';
import { Stats } from './Stats';
import { useKeys } from './useKeys';
import { usePlayback } from './usePlayback';
import './player.css';

export interface PlayerProps {
  live: Live;
  /** As this page has seen it: an offline channel may just have ended. */
  seen: RoomLive;
  name: string;
  poster: string | null;
  isTheatre: boolean;
  onTheatre: () => void;
}

/** media-chrome's word for what does not fade with the controls: sentences must stay. */
const STAYS = { noautohide: '' };

export function Player({ live, seen, name, poster, isTheatre, onTheatre }: PlayerProps) {
  const { t, language } = useI18n();
  const toast = useToast();
  const { attach, playback, state } = usePlayback(live.playlist);
  const [hasStats, setStats] = useState(false);
  const [hasKeys, setKeys] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const isOn = seen === 'live' || seen === 'interrupted';

  const press = (control: string) => box.current?.querySelector<HTMLElement>(control)?.click();
  const perform = (action: KeyAction) => {
    switch (action.do) {
      case 'help':
        setKeys((is) => !is);
        return;
      case 'theatre':
        onTheatre();
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
    else if (action.do === 'mute') playback.toggleMute();
    else if (action.do === 'seek') playback.seekBy(action.seconds);
    else playback.changeVolume(action.by);
  };
  useKeys(perform);

  return (
    <div ref={box} className="player" data-state={seen}>
      <MediaController lang={language} noHotkeys noVolumePref defaultStreamType="live" autohide="3">
        {/* live captions come with the stream or not at all */}
        {/* eslint-disable-next-line jsx-a11y/media-has-caption */}
        <video slot="media" ref={attach} playsInline poster={poster ?? undefined} />
        <div slot="centered-chrome" className="player-over" {...STAYS}>
          <Overlay
            live={seen}
            state={state}
            name={name}
            graceUntilMs={live.graceUntilMs}
            onRetry={() => playback?.load(live.playlist)}
            onPlay={() => void playback?.play()}
          />
        </div>
        {state.isSilenced && isOn && (
          <div slot="top-chrome" className="player-top" {...STAYS}>
            <Button variant="primary" className="player-unmute" onClick={() => playback?.unmute()}>
              {t('watch.unmute')}
            </Button>
          </div>
        )}
        {hasStats && playback !== null && isOn && (
          <div slot="middle-chrome" className="player-middle" {...STAYS}>
            <Stats playback={playback} state={state} onClose={() => setStats(false)} />
          </div>
        )}
        {isOn && (
          <MediaControlBar className="player-bar">
            <MediaPlayButton noTooltip />
            <MediaMuteButton noTooltip />
            <MediaVolumeRange />
            {playback !== null && <LiveBadge playback={playback} />}
            <span className="player-space" />
            <PlayerMenu
              playback={playback}
              state={state}
              hasStats={hasStats}
              onStats={() => setStats(!hasStats)}
              onKeys={() => setKeys(true)}
            />
            <button
              type="button"
              className="player-button player-theatre"
              aria-pressed={isTheatre}
              aria-label={t(isTheatre ? 'watch.exitTheatre' : 'watch.theatre')}
              title={t(isTheatre ? 'watch.exitTheatre' : 'watch.theatre')}
              onClick={onTheatre}
            >
              <Icon name="device" />
            </button>
            <MediaPipButton noTooltip />
            <MediaFullscreenButton noTooltip />
          </MediaControlBar>
        )}
      </MediaController>
      {hasKeys && <KeysDialog onClose={() => setKeys(false)} />}
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
