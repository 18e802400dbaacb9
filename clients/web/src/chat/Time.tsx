import { useI18n } from '../i18n/context';
import type { Language } from '../i18n/languages';

interface Formats {
  short: Intl.DateTimeFormat;
  full: Intl.DateTimeFormat;
}

/** Made once for a language: making one costs more than drawing a line. */
const made = new Map<Language, Formats>();

function formatsOf(language: Language): Formats {
  const known = made.get(language);
  if (known !== undefined) return known;
  const formats = {
    short: new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' }),
    full: new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }),
  };
  made.set(language, formats);
  return formats;
}

/** The hour of a line; in full for whoever points at it. */
export function Time({ at_ms }: { at_ms: number }) {
  const { language } = useI18n();
  const { short, full } = formatsOf(language);
  return (
    <time className="chat-time" dateTime={new Date(at_ms).toISOString()} title={full.format(at_ms)}>
      {short.format(at_ms)}
    </time>
  );
}
