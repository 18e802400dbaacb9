import { act, fireEvent, render, screen } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import { I18nProvider } from '../i18n/I18nProvider';
import type { Playback } from './playback';
import { ScrubBar } from './ScrubBar';
import type { Timeline } from './timeline';

const LIVE: Timeline = { kind: 'live', start: 0, end: 1000, now: 999, bufferedTo: 1000 };

/** As much of a player as the bar asks for. */
function fakePlayback(timeline: Timeline | null) {
  return { timeline: () => timeline, seekTo: vi.fn(), seekBy: vi.fn() };
}

function show(playback: ReturnType<typeof fakePlayback>) {
  render(
    <I18nProvider initial="en">
      <ScrubBar playback={playback as unknown as Playback} />
    </I18nProvider>,
  );
}

describe('ScrubBar', () => {
  it('is not there while there is nothing to seek in', () => {
    show(fakePlayback(null));
    expect(screen.queryByRole('slider')).not.toBeInTheDocument();
  });

  it('says how far behind one is, or that one is at the edge', () => {
    show(fakePlayback(LIVE));
    expect(screen.getByRole('slider', { name: 'Position in the broadcast' })).toHaveAttribute('aria-valuetext', 'At the live edge');
    show(fakePlayback({ ...LIVE, now: 250 }));
    expect(screen.getAllByRole('slider')[1]).toHaveAttribute('aria-valuetext', '12:30 behind');
    show(fakePlayback({ kind: 'vod', start: 0, end: 3723, now: 75, bufferedTo: 80 }));
    expect(screen.getByRole('slider', { name: 'Position in the recording' })).toHaveAttribute('aria-valuetext', '1:15 of 1:02:03');
  });

  it('seeks once, where the pointer lets go', () => {
    const playback = fakePlayback(LIVE);
    show(playback);
    const slider = screen.getByRole('slider');
    fireEvent.pointerDown(slider);
    fireEvent.change(slider, { target: { value: '400' } });
    fireEvent.change(slider, { target: { value: '500' } });
    expect(playback.seekTo).not.toHaveBeenCalled();
    fireEvent.pointerUp(slider);
    expect(playback.seekTo.mock.calls).toEqual([[500]]);
  });

  it('moves by keys: five seconds, a minute, either end', () => {
    const playback = fakePlayback(LIVE);
    show(playback);
    const slider = screen.getByRole('slider');
    act(() => slider.focus());
    for (const key of ['ArrowLeft', 'ArrowRight', 'PageDown', 'Home', 'End']) fireEvent.keyDown(slider, { key });
    expect(playback.seekBy.mock.calls).toEqual([[-5], [5], [-60]]);
    expect(playback.seekTo.mock.calls).toEqual([[0], [1000]]);
  });
});
