import { catalogue as en } from './en';
import { catalogue as ru } from './ru';
import type { Message } from './catalogue';

type Catalogue = typeof en;
type Area = keyof Catalogue;

/** `area.key`, such as `home.title`: one file per area in `en/` and `ru/`. */
export type MessageKey = { [A in Area]: `${A}.${keyof Catalogue[A] & string}` }[Area];

export type Language = 'en' | 'ru';
export const LANGUAGES: Readonly<Record<Language, string>> = { en: 'English', ru: 'Русский' };

const catalogues: Record<Language, Record<string, Record<string, Message>>> = { en, ru };

export function messageOf(language: Language, key: MessageKey): Message {
  const [area = '', name = ''] = key.split('.');
  return catalogues[language][area]?.[name] ?? key;
}

/** Whether a code that came from the server has a sentence of ours. */
export function hasMessage(key: string): key is MessageKey {
  const [area = '', name = ''] = key.split('.');
  return catalogues.en[area]?.[name] !== undefined;
}

export function languageFrom(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const language = tag.slice(0, 2).toLowerCase();
    if (language in LANGUAGES) return language as Language;
  }
  return 'en';
}
