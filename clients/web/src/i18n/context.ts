import { createContext, use } from 'react';
import type { Params } from './catalogue';
import type { Language, MessageKey } from './languages';

export interface I18n {
  language: Language;
  setLanguage: (language: Language) => void;
  /** A sentence: `t('home.viewers', { count: 3 })`. */
  t: (key: MessageKey, params?: Params) => string;
  /** 12,345 or 12 345. */
  number: (value: number, options?: Intl.NumberFormatOptions) => string;
  /** 1.2K, for counters in small places. */
  compact: (value: number) => string;
  /** 1:02:03: a clock that runs. */
  clock: (ms: number) => string;
  /** 5 min, 2 hr 3 min: a span in words. */
  span: (ms: number) => string;
  /** 3 minutes ago, relative to `now`. */
  ago: (ms: number, now?: number) => string;
  /** A day, in words. */
  day: (ms: number) => string;
  /** 18:05: the time of day. */
  time: (ms: number) => string;
  /** Date and time in full, for titles on hover. */
  moment: (ms: number) => string;
}

export const I18nContext = createContext<I18n | null>(null);

export function useI18n(): I18n {
  const i18n = use(I18nContext);
  if (i18n === null) throw new Error('useI18n outside <I18nProvider>');
  return i18n;
}
