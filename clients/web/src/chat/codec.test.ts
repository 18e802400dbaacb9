import { readFileSync } from 'node:fs';
import { decode as unpack, encode as pack } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { decode, encode } from './codec';
import { WireFault } from './reading';
import type { ClientFrame } from './wire';

interface Vector {
  name: string;
  from: 'client' | 'server';
  json: string;
  msgpack: string;
}

const VECTORS = JSON.parse(readFileSync(`${import.meta.dirname}/../../../../tests/data/frames/frames.json`, 'utf8')) as Vector[];
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const of = (side: Vector['from']) => VECTORS.filter(({ from }) => from === side).map((one) => [one.name, one] as const);

describe('the shared vectors', () => {
  it.each(of('server'))('reads “%s” alike in both encodings, losing nothing', (_, { json, msgpack }) => {
    const frames = decode(json, 'leams.v1.json');
    expect(frames).toHaveLength(1);
    expect(decode(bytes(msgpack), 'leams.v1.msgpack')).toEqual(frames);
    expect(frames[0]).toMatchObject(JSON.parse(json) as object);
  });

  it.each(of('client'))('writes “%s” as it stands there', (_, { json, msgpack }) => {
    const frame = JSON.parse(json) as ClientFrame;
    expect(JSON.parse(encode(frame, 'leams.v1.json') as string)).toEqual(frame);
    expect(unpack(encode(frame, 'leams.v1.msgpack') as Uint8Array)).toEqual(unpack(bytes(msgpack)));
  });

  it('are there for both sides', () => {
    expect(of('server').length).toBeGreaterThan(10);
    expect(of('client').length).toBeGreaterThan(5);
  });
});

describe('reading', () => {
  it('fills in what was left out', () => {
    expect(decode('{"t":"info","room":"1"}', 'leams.v1.json')).toEqual([
      {
        t: 'info',
        room: '1',
        viewers: 0,
        chatters: 0,
        live: 'offline',
        broadcast: null,
        title: '',
        category: '',
        since_ms: null,
        grace_until_ms: null,
      },
    ]);
  });

  it('passes over unknown kinds and fields, and holds the place of unknown events', () => {
    expect(decode('{"t":"confetti"}', 'leams.v1.json')).toEqual([]);
    expect(decode('{"t":"pong","id":1,"more":[1]}', 'leams.v1.json')).toEqual([{ t: 'pong', id: 1 }]);
    const [push] = decode('{"t":"event","room":"1","epoch":"e","offset":2,"event":{"t":"raid","at_ms":5}}', 'leams.v1.json');
    expect(push).toMatchObject({ offset: 2, event: { t: 'unknown', at_ms: 5 } });
  });

  it('reads every frame of a compressed message, in order', () => {
    const pongs = [1, 2].map((id) => ({ t: 'pong', id }));
    const lines = [...pongs, { t: 'confetti' }].map((frame) => JSON.stringify(frame));
    expect(decode(lines.join('\n'), 'leams.v1.json')).toEqual(pongs);
    const packed = pongs.flatMap((pong) => [...pack(pong)]);
    expect(decode(Uint8Array.from(packed), 'leams.v1.msgpack')).toEqual(pongs);
  });

  it.each([
    ['no JSON', '{"t":'],
    ['a second frame that is cut', '{"t":"pong","id":1}\n{"t":'],
    ['no map', '[1]'],
    ['no kind', '{"id":1}'],
    ['a number that is text', '{"t":"pong","id":"1"}'],
    ['a number beyond an integer', '{"t":"pong","id":1.5}'],
    ['a role that is none', '{"t":"you","room":"1","role":"king"}'],
    ['a list that is none', '{"t":"joined","id":1,"room":"1","epoch":"e","offset":1,"events":{}}'],
  ])('refuses %s', (_, text) => {
    expect(() => decode(text, 'leams.v1.json')).toThrow(WireFault);
  });

  it('refuses text where bytes were agreed, and frames beyond any honest size', () => {
    expect(() => decode('{"t":"pong","id":1}', 'leams.v1.msgpack')).toThrow(WireFault);
    expect(() => decode('x'.repeat(5_000_000), 'leams.v1.json')).toThrow(WireFault);
  });
});
