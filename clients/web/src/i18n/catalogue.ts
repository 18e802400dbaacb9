/** What a language's files are made of.  A plural is chosen by the parameter `count` (CLDR's categories). */

export interface Plural {
  one?: string;
  few?: string;
  many?: string;
  other: string;
}

export type Message = string | Plural;

/** The same keys in another language: a sentence stays a sentence, a plural stays a plural. */
export type Translated<Area> = { readonly [Key in keyof Area]: Area[Key] extends string ? string : Plural };

export type Params = Readonly<Record<string, string | number>>;

/** Fill `{name}` places; numbers are written the language's way. */
export function render(message: Message, params: Params, locale: string): string {
  const text = typeof message === 'string' ? message : choose(message, params['count'], locale);
  return text.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = params[name];
    if (value === undefined) return place;
    return typeof value === 'number' ? new Intl.NumberFormat(locale).format(value) : value;
  });
}

function choose(plural: Plural, count: string | number | undefined, locale: string): string {
  const category = new Intl.PluralRules(locale).select(Number(count ?? 0));
  const forms: Partial<Record<Intl.LDMLPluralRule, string>> = plural;
  return forms[category] ?? plural.other;
}
