import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { recall, remember } from '../preferences/storage';
import { render } from './catalogue';
import { I18nContext, type I18n } from './context';
import { LANGUAGES, languageFrom, messageOf, type Language } from './languages';
import { ago, clock, span } from './spans';

const KEY = 'leams.language';

function firstLanguage(): Language {
  const chosen = recall(KEY);
  return chosen !== null && chosen in LANGUAGES ? (chosen as Language) : languageFrom(navigator.languages);
}

export function I18nProvider({ children, initial }: { children: ReactNode; initial?: Language }) {
  const [language, setLanguage] = useState(initial ?? firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const value = useMemo<I18n>(
    () => ({
      language,
      setLanguage: (chosen) => {
        remember(KEY, chosen);
        setLanguage(chosen);
      },
      t: (key, params = {}) => render(messageOf(language, key), params, language),
      number: (number, options) => new Intl.NumberFormat(language, options).format(number),
      compact: (number) =>
        new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 }).format(number),
      clock,
      span: (ms) => span(ms, language),
      ago: (ms, now = Date.now()) => ago(ms, now, language),
      day: (ms) => new Intl.DateTimeFormat(language, { dateStyle: 'long' }).format(ms),
      time: (ms) => new Intl.DateTimeFormat(language, { timeStyle: 'short' }).format(ms),
      moment: (ms) => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(ms),
    }),
    [language],
  );
  return <I18nContext value={value}>{children}</I18nContext>;
}
