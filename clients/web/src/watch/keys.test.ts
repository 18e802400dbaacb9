import { beforeEach, describe, expect, it } from 'vitest';
import { actionOf, placeOf, type Pressed } from './keys';

const press = (key: string, more: Partial<Pressed> = {}) => ({
  key,
  code: '',
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});

describe('keys', () => {
  it.each([
    [' ', { do: 'play' }],
    ['k', { do: 'play' }],
    ['K', { do: 'play' }],
    ['m', { do: 'mute' }],
    ['f', { do: 'fullscreen' }],
    ['t', { do: 'theatre' }],
    ['c', { do: 'captions' }],
    ['?', { do: 'help' }],
    ['ArrowLeft', { do: 'seek', seconds: -5 }],
    ['ArrowRight', { do: 'seek', seconds: 5 }],
    ['j', { do: 'seek', seconds: -10 }],
    ['l', { do: 'seek', seconds: 10 }],
    ['ArrowUp', { do: 'volume', by: 0.05 }],
    ['ArrowDown', { do: 'volume', by: -0.05 }],
  ])('%s does what the help says', (key, action) => {
    expect(actionOf(press(key), 'page')).toEqual(action);
  });

  it.each([
    ['л', 'KeyK', 'k'],
    ['Л', 'KeyK', 'k'],
    ['ь', 'KeyM', 'm'],
    ['а', 'KeyF', 'f'],
    ['е', 'KeyT', 't'],
    ['с', 'KeyC', 'c'],
    ['о', 'KeyJ', 'j'],
    ['д', 'KeyL', 'l'],
    ['κ', 'KeyK', 'k'],
  ])('%s on %s is %s', (key, code, latin) => {
    expect(actionOf(press(key, { code }), 'page')).toEqual(actionOf(press(latin), 'page'));
    expect(actionOf(press(key, { code, ctrlKey: true }), 'page')).toBeNull();
    expect(actionOf(press(key, { code }), 'typing')).toBeNull();
  });

  it('go by the letter where a Latin layout moves it, and never by a sign', () => {
    expect(actionOf(press('k', { code: 'KeyV' }), 'page')).toEqual({ do: 'play' }); // Dvorak
    expect(actionOf(press('t', { code: 'KeyK' }), 'page')).toEqual({ do: 'theatre' });
    expect(actionOf(press(',', { code: 'KeyM' }), 'page')).toBeNull(); // AZERTY
    expect(actionOf(press('ж', { code: 'Semicolon' }), 'page')).toBeNull();
    expect(actionOf(press('й', { code: 'KeyQ' }), 'page')).toBeNull();
  });

  it('never fire while one types, or with a modifier', () => {
    expect(actionOf(press('m'), 'typing')).toBeNull();
    for (const more of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }]) {
      expect(actionOf(press('f', more), 'page')).toBeNull();
    }
    expect(actionOf(press('constructor'), 'page')).toBeNull();
  });

  it('leave a control its own', () => {
    expect(actionOf(press(' '), 'control')).toBeNull();
    expect(actionOf(press('ArrowUp'), 'control')).toBeNull();
    expect(actionOf(press('m'), 'control')).toEqual({ do: 'mute' });
  });
});

describe('places', () => {
  beforeEach(() => {
    document.body.innerHTML =
      '<textarea id="a"></textarea><input id="b"><input id="c" type="range"><button id="d"><i id="e"></i></button>' +
      '<div role="log"><p id="f"></p></div><p id="g"></p><dialog><button id="h"></button></dialog>';
  });

  it.each([
    ['a', 'typing'],
    ['b', 'typing'],
    ['c', 'control'],
    ['d', 'control'],
    ['e', 'control'],
    ['f', 'control'],
    ['g', 'page'],
    ['h', 'typing'],
  ])('#%s is %s', (id, place) => {
    expect(placeOf(document.getElementById(id))).toBe(place);
  });
});
