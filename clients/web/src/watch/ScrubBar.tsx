import { useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { useNow } from '../chat/useNow';
import { useI18n } from '../i18n/context';
import type { Playback } from './playback';
import { isAtEdge, shareOf, timeAt, timeLabel, type Timeline } from './timeline';

const TURN_MS = 250;
/** What a key moves the bar by, in seconds. */
const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -5,
  ArrowDown: -5,
  ArrowRight: 5,
  ArrowUp: 5,
  PageDown: -60,
  PageUp: 60,
};

/** All that can be played, what is loaded, and where one is; nothing while there is nothing to seek in. */
export function ScrubBar({ playback }: { playback: Playback }) {
  const { t } = useI18n();
  useNow(TURN_MS);
  const isDown = useRef(false);
  const [dragged, setDragged] = useState<number | null>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const timeline = playback.timeline();
  if (timeline === null) return null;

  const time = dragged ?? timeline.now;
  const label = isAtEdge(timeline, time) ? t('watch.liveEdge') : spoken(timeline, time, t);
  const seek = (to: number) => playback.seekTo(to);
  const settle = () => {
    isDown.current = false;
    if (dragged !== null) seek(dragged);
    setDragged(null);
  };
  const onChange = (to: number) => {
    if (isDown.current) setDragged(to);
    else seek(to);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Home') seek(timeline.start);
    else if (event.key === 'End') seek(timeline.end);
    else if (event.key in STEPS) playback.seekBy(STEPS[event.key] ?? 0);
    else return;
    event.preventDefault();
  };
  const onHover = (event: PointerEvent) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setHovered(width > 0 ? Math.min(1, Math.max(0, (event.clientX - left) / width)) : null);
  };

  const at = shareOf(timeline, time);
  const shownAt = dragged === null ? hovered : at;
  return (
    <div className="scrub" onPointerMove={onHover} onPointerLeave={() => setHovered(null)}>
      <div className="scrub-track" aria-hidden="true">
        <span className="scrub-loaded" style={{ width: percent(shareOf(timeline, timeline.bufferedTo)) }} />
        <span className="scrub-played" style={{ width: percent(at) }} />
        <span className="scrub-thumb" style={{ left: percent(at) }} />
      </div>
      {shownAt !== null && (
        <output className="scrub-label" style={{ left: `clamp(28px, ${percent(shownAt)}, calc(100% - 28px))` }} aria-hidden="true">
          {timeLabel(timeline, timeAt(timeline, shownAt))}
        </output>
      )}
      <input
        type="range"
        aria-label={t(timeline.kind === 'live' ? 'watch.scrubLive' : 'watch.scrub')}
        aria-valuetext={label}
        min={timeline.start}
        max={timeline.end}
        step="any"
        value={Math.min(timeline.end, Math.max(timeline.start, time))}
        onPointerDown={() => {
          isDown.current = true;
        }}
        onPointerUp={settle}
        onPointerCancel={settle}
        onKeyDown={onKey}
        onChange={(event) => onChange(Number(event.target.value))}
      />
    </div>
  );
}

const percent = (share: number) => `${(share * 100).toFixed(2)}%`;

/** For screen readers: a recording has a whole, a live stream a distance. */
function spoken(timeline: Timeline, time: number, t: ReturnType<typeof useI18n>['t']): string {
  const label = timeLabel(timeline, time);
  return timeline.kind === 'vod'
    ? t('watch.scrubOf', { time: label, whole: timeLabel(timeline, timeline.end) })
    : t('watch.behindClock', { time: label.replace('-', '') });
}
