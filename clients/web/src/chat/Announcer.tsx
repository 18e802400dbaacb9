import { useEffect, useRef, useState } from 'react';
import { useI18n } from '../i18n/context';
import type { Line } from './lines';
import { noticeOf } from './notice';

/** At most so often, and so many lines at once: a screen reader can't speak a hundred a second. */
const EVERY_MS = 2000;
const LINES_MAX = 3;

/** Speaks the newest lines.  The list itself is silent: it draws old lines again when somebody scrolls. */
export function Announcer({ lines }: { lines: Line[] }) {
  const { t, span } = useI18n();
  const [spoken, setSpoken] = useState<string[]>([]);
  const newest = useRef(lines);
  const lastKey = useRef<string | null>(null);
  useEffect(() => {
    newest.current = lines;
  }, [lines]);
  useEffect(() => {
    const words = (line: Line): string => {
      if (line.kind === 'message') return line.removed === 'no' ? `${line.author.name}: ${line.text}` : '';
      if (line.kind === 'notice') return t(...noticeOf(line, span));
      return line.kind === 'told' ? line.text : t('chat.joinedHere');
    };
    const timer = setInterval(() => {
      const now = newest.current;
      const from = now.findIndex((line) => line.key === lastKey.current) + 1;
      const isFirst = lastKey.current === null;
      lastKey.current = now.at(-1)?.key ?? null;
      if (from === now.length || isFirst) return;
      setSpoken(now.slice(from).slice(-LINES_MAX).map(words).filter(Boolean));
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [t, span]);
  return (
    <div className="visually-hidden" aria-live="polite" aria-atomic="true">
      {spoken.map((text, index) => (
        <p key={index}>{text}</p>
      ))}
    </div>
  );
}
