import { useEffect, useRef } from 'react';
import { useToast } from '../components/toasts';
import { useI18n } from '../i18n/context';
import type { RoomState } from './room';
import type { ChatStore } from './store';

/** Older acts than this came with the backfill. */
const FRESH_MS = 10_000;

/** When one's own timeout or ban has come back as an event: say so, and offer to take it back. */
export function useUndo(room: RoomState, store: ChatStore): void {
  const { t, span } = useI18n();
  const toast = useToast();
  const told = useRef<string | null>(null);
  const last = room.lines.findLast((line) => line.kind === 'notice' && line.event.t === 'user_cleared');
  const me = room.me?.id;
  const { skewMs } = room;
  useEffect(() => {
    if (last?.kind !== 'notice' || last.event.t !== 'user_cleared' || told.current === last.key) return;
    told.current = last.key;
    const { by, name, seconds } = last.event;
    if (by.id !== me || Date.now() + skewMs - last.at_ms > FRESH_MS) return;
    const text =
      seconds === null ? t('chat.undoBanned', { name }) : t('chat.undoTimedOut', { name, span: span(seconds * 1000) });
    const command = seconds === null ? `/unban ${name}` : `/untimeout ${name}`;
    toast({ kind: 'info', text, action: { label: t('chat.undo'), onAction: () => void store.say(command) } });
  }, [last, me, skewMs, store, t, span, toast]);
}
