import { describe, expect, it } from 'vitest';
import { render, type Message } from './catalogue';
import { catalogue as en } from './en';
import { hasMessage, languageFrom } from './languages';
import { catalogue as ru } from './ru';

function flat(catalogue: Record<string, Record<string, Message>>): Map<string, Message> {
  return new Map(
    Object.entries(catalogue).flatMap(([area, messages]) =>
      Object.entries(messages).map(([key, message]): [string, Message] => [`${area}.${key}`, message]),
    ),
  );
}

function places(message: Message): string[] {
  const text = typeof message === 'string' ? message : message.other;
  return [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort();
}

const english = flat(en);
const russian = flat(ru);

describe('the catalogues', () => {
  it('have the same keys', () => {
    expect([...russian.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it('have the same places to fill in every sentence', () => {
    for (const [key, message] of english) expect([key, places(russian.get(key) ?? '')]).toEqual([key, places(message)]);
  });

  it('know every Russian plural form', () => {
    for (const [key, message] of russian) {
      if (typeof message !== 'string') expect([key, Object.keys(message).sort()]).toEqual([key, ['few', 'many', 'one', 'other']]);
    }
  });
});

describe('render', () => {
  const viewers = { one: '{count} зритель', few: '{count} зрителя', many: '{count} зрителей', other: '{count} зрителя' };

  it('chooses the plural form of the language', () => {
    const forms = [1, 2, 5, 11, 21, 112].map((count) => render(viewers, { count }, 'ru'));
    expect(forms).toEqual(['1 зритель', '2 зрителя', '5 зрителей', '11 зрителей', '21 зритель', '112 зрителей']);
    expect(render({ one: '{count} viewer', other: '{count} viewers' }, { count: 1234 }, 'en')).toBe('1,234 viewers');
  });

  it('leaves a place without its parameter as it stands', () => {
    expect(render('Hello {name}, {place}', { name: 'Anna' }, 'en')).toBe('Hello Anna, {place}');
  });
});

describe('languageFrom', () => {
  it('takes the first wanted language that there is, else English', () => {
    expect(languageFrom(['de-DE', 'ru-RU', 'en'])).toBe('ru');
    expect(languageFrom(['fr'])).toBe('en');
  });
});

describe('hasMessage', () => {
  it('tells codes with words of ours from strange ones', () => {
    expect(hasMessage('errors.name_taken')).toBe(true);
    expect(hasMessage('errors.of_another_version')).toBe(false);
  });
});
