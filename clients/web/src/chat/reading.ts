/** Typed reading of a decoded map: what is left out is at its default, what is of another type is refused.  Pure. */

export class WireFault extends Error {
  override readonly name = 'WireFault';
}

export type Fields = Readonly<Record<string, unknown>>;

export function asFields(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WireFault(`${where} is no map`);
  return value as Fields;
}

export function integer(fields: Fields, name: string, otherwise?: number): number {
  const value = fields[name];
  if (value === undefined && otherwise !== undefined) return otherwise;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new WireFault(`${name} is no integer`);
  return value;
}

export function integerOrNull(fields: Fields, name: string): number | null {
  const value = fields[name];
  return value === undefined || value === null ? null : integer(fields, name);
}

export function text(fields: Fields, name: string, otherwise?: string): string {
  const value = fields[name];
  if (value === undefined && otherwise !== undefined) return otherwise;
  if (typeof value !== 'string') throw new WireFault(`${name} is no text`);
  return value;
}

export function textOrNull(fields: Fields, name: string): string | null {
  const value = fields[name];
  return value === undefined || value === null ? null : text(fields, name);
}

export function flag(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false;
  if (typeof value !== 'boolean') throw new WireFault(`${name} is no boolean`);
  return value;
}

export function oneOf<T extends string>(fields: Fields, name: string, among: readonly T[], otherwise?: T): T {
  const value = text(fields, name, otherwise);
  const found = among.find((one) => one === value);
  if (found === undefined) throw new WireFault(`${name} is none of ${among.join(' ')}`);
  return found;
}

export function listOf<T>(fields: Fields, name: string, most: number, read: (value: unknown) => T): T[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw new WireFault(`${name} is no list`);
  if (value.length > most) throw new WireFault(`${name} is longer than ${most}`);
  return value.map(read);
}
