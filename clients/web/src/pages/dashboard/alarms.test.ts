import { describe, expect, it } from 'vitest';
import { hear, NOTHING_HEARD, readFrame, type AlarmFrame, type Heard } from './alarms';

const HEALTH: AlarmFrame = { t: 'health', at_ms: 1, public_id: 'b', health: [] };

function warning(code: string, isOver = false): AlarmFrame {
  return { t: 'warning', at_ms: 1, code, message: 'm', severity: 'warning', metric: null, is_over: isOver };
}

function after(frames: AlarmFrame[], from: Heard = NOTHING_HEARD) {
  let heard = from;
  const news: string[] = [];
  for (const frame of frames) {
    const step = hear(heard, frame);
    heard = step.heard;
    if (step.news !== null) news.push(`${step.news.isOver ? '-' : '+'}${step.news.alarm.code}`);
  }
  return { heard, news };
}

describe('hear', () => {
  it('does not cry out what was wrong already', () => {
    const { heard, news } = after([{ t: 'ready' }, HEALTH, warning('no_audio')]);
    expect(news).toEqual([]);
    expect(heard.open.map(({ code }) => code)).toEqual(['no_audio']);
  });

  it('tells what begins and what is over, each once', () => {
    const frames = [HEALTH, HEALTH, warning('a'), warning('a'), HEALTH, warning('a', true), warning('b', true)];
    const { heard, news } = after(frames);
    expect(news).toEqual(['+a', '-a']);
    expect(heard.open).toEqual([]);
  });

  it('begins anew with a new socket', () => {
    const { heard } = after([HEALTH, HEALTH, warning('a'), { t: 'ready' }]);
    expect(heard).toEqual(NOTHING_HEARD);
  });
});

it.each([
  ['{"t":"ready"}', true],
  ['{"t":"else"}', false],
  ['{', false],
  [new ArrayBuffer(2), false],
])('reads %s', (text, isFrame) => {
  expect(readFrame(text) !== null).toBe(isFrame);
});
