import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dashboard as en } from '../../i18n/en/dashboard';
import { dashboard as ru } from '../../i18n/ru/dashboard';

const ROOT = `${import.meta.dirname}/../../../../..`;
const read = (path: string) => readFileSync(`${ROOT}/${path}`, 'utf8');

/** What the door says at the publish. */
function refusals(): string[] {
  const body = /^class Refusal\(StrEnum\):\n((?: {4}.*\n|\n)+)/m.exec(read('media/broadcast.py'))?.[1] ?? '';
  return [...body.matchAll(/^ {4}[A-Z_]+ = "(\w+)"$/gm)].map(([, code]) => code ?? '');
}

/** What the transcoder says of a stream that it has to end. */
function failures(): string[] {
  return [...read('transcoder/session.py').matchAll(/_FailedError\(\s*"(\w+)"/g)].map(([, code]) => code ?? '');
}

it.each([
  ['en', en],
  ['ru', ru],
])('has words in %s for every reason that the server has to turn an encoder away', (_, catalogue) => {
  const codes = [...new Set([...refusals(), ...failures()])].sort();
  expect(codes).toEqual(expect.arrayContaining(['already_live', 'unsupported_codec'])); // both files are still read rightly
  const known = Object.keys(catalogue).filter((key) => key.startsWith('refused_'));
  expect(known.sort()).toEqual(codes.map((code) => `refused_${code}`));
});
