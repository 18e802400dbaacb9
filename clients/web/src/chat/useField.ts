import { useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { accept, complete, recentNames, type Completion, type Suggestion } from './completion';
import { recallDraft, rememberDraft } from './draft';
import type { RoomState } from './room';

const SAID_MAX = 30;

export interface FieldHandle {
  text: string;
  /** Where the caret goes after a change that one didn't type; a new object for each. */
  placed: { caret: number } | null;
  completion: Completion | null;
  /** The chosen suggestion; -1: none yet. */
  active: number;
  /** Somebody typed. */
  typed: (text: string, caret: number) => void;
  /** The page put words in. */
  change: (text: string, caret?: number) => void;
  moveCaret: (caret: number) => void;
  pick: (suggestion: Suggestion) => void;
  /** The text left: it can be brought back by ↑. */
  sent: () => void;
  /** Whether the key was for the field's own lists. */
  onKey: (event: KeyboardEvent<HTMLTextAreaElement>) => boolean;
}

/** The message field: its draft, its completion, and what was said before. */
export function useField(room: RoomState, roomId: string): FieldHandle {
  const [text, setText] = useState(() => recallDraft(roomId));
  const [caret, setCaret] = useState(text.length);
  const [placed, setPlaced] = useState<{ caret: number } | null>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const [closedFor, setClosedFor] = useState<string | null>(null);
  const said = useRef<string[]>([]);
  const recalled = useRef(-1);

  const isCompleting = text.startsWith('/') || text.includes('@');
  const names = useMemo(
    () => (isCompleting ? recentNames(room.lines, room.me?.name ?? null) : []),
    [isCompleting, room.lines, room.me],
  );
  const found = isCompleting && closedFor !== text ? complete(text, caret, names, room.role) : null;
  // a command's arguments may be left out: there nothing is chosen before one asks
  const active = chosen ?? (found?.hint === null ? 0 : -1);

  const typed = (next: string, at: number) => {
    setText(next);
    setCaret(at);
    setChosen(null);
    recalled.current = -1;
    rememberDraft(roomId, next);
  };
  const change = (next: string, at = next.length) => {
    typed(next, at);
    setPlaced({ caret: at });
  };
  const pick = (suggestion: Suggestion) => {
    if (found === null) return;
    const next = accept(text, found, suggestion);
    change(next.text, next.caret);
  };
  const bringBack = (step: number): boolean => {
    if (text !== '' && recalled.current < 0) return false;
    const at = Math.max(-1, Math.min(said.current.length - 1, recalled.current + step));
    if (at === recalled.current) return false;
    const next = said.current[at] ?? '';
    change(next);
    recalled.current = at;
    return true;
  };

  const onSuggestionKey = (key: string, { suggestions, from, to }: Completion): boolean => {
    const count = suggestions.length;
    const one = suggestions[Math.max(0, active)];
    switch (key) {
      case 'ArrowDown':
        setChosen((active + 1) % count);
        return true;
      case 'ArrowUp':
        setChosen((Math.max(0, active) - 1 + count) % count);
        return true;
      case 'Tab':
        if (one !== undefined) pick(one);
        return true;
      case 'Escape':
        setClosedFor(text);
        return true;
      case 'Enter':
        if (one === undefined || active < 0 || one.insert.trim() === text.slice(from, to)) return false;
        pick(one);
        return true;
      default:
        return false;
    }
  };

  const onKey = (event: KeyboardEvent): boolean => {
    const isPlain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isPlain) return false;
    if (found !== null && found.suggestions.length > 0) return onSuggestionKey(event.key, found);
    if (event.key === 'ArrowUp') return bringBack(1);
    if (event.key === 'ArrowDown' && recalled.current >= 0) return bringBack(-1);
    return false;
  };

  const sent = () => {
    said.current = [text, ...said.current.filter((one) => one !== text)].slice(0, SAID_MAX);
    change('');
  };

  return { text, placed, completion: found, active, typed, change, moveCaret: setCaret, pick, sent, onKey };
}
