import { useEffect, useEffectEvent, useState } from 'react';
import { useSession } from '../../session/context';
import { hear, NOTHING_HEARD, readFrame, type Alarm, type Heard } from './alarms';

const FIRST_MS = 1000;
const MOST_MS = 30_000;
/** RFC 6455's ranges as this house uses them: from here on, don't come back. */
const FINAL_CODES = 4500;

/** What the streamer's socket says; it comes back by itself, and polling goes on meanwhile. */
export function useAlarms(slug: string, isOn: boolean, onNews: (alarm: Alarm, isOver: boolean) => void): Heard {
  const { token } = useSession();
  const [heard, setHeard] = useState(NOTHING_HEARD);
  const tell = useEffectEvent(onNews);
  useEffect(() => {
    if (!isOn || typeof WebSocket === 'undefined') return undefined;
    let socket: WebSocket | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    let isGone = false;
    let now = NOTHING_HEARD;
    const become = (next: Heard) => {
      now = next;
      setHeard(next);
    };
    const later = () => {
      if (isGone) return;
      const pause = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures, 6));
      failures += 1;
      timer = setTimeout(() => void open(), pause * (0.5 + Math.random() / 2));
    };
    const open = async () => {
      let held: string | null;
      try {
        held = await token();
      } catch {
        later(); // the server is away; null, below, is a sign-out
        return;
      }
      if (isGone || held === null) return;
      const made = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/health/${encodeURIComponent(slug)}`);
      socket = made;
      made.onopen = () => made.send(JSON.stringify({ t: 'hello', token: held }));
      made.onmessage = ({ data }) => {
        const frame = readFrame(data);
        if (frame === null) return;
        failures = 0;
        const step = hear(now, frame);
        become(step.heard);
        if (step.news !== null) tell(step.news.alarm, step.news.isOver);
      };
      made.onclose = ({ code }) => {
        socket = null;
        become(NOTHING_HEARD);
        if (code < FINAL_CODES) later();
      };
    };
    void open();
    return () => {
      isGone = true;
      clearTimeout(timer);
      socket?.close();
    };
  }, [slug, isOn, token]);
  return heard;
}
