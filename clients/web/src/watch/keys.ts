/** The player's keys.  Pure: the page tells what was pressed and where. */

export type KeyAction =
  | { do: 'play' }
  | { do: 'mute' }
  | { do: 'fullscreen' }
  | { do: 'theatre' }
  | { do: 'captions' }
  | { do: 'help' }
  | { do: 'seek'; seconds: number }
  /** To so many tenths of a recording. */
  | { do: 'tenth'; digit: number }
  | { do: 'volume'; by: number };

export interface Pressed {
  key: string;
  /** Which key of the board it was, whatever its layout: `KeyK`. */
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** Where the focus is: nowhere special, on a control with keys of its own, or where one types. */
export type Place = 'page' | 'control' | 'typing';

const ACTIONS: Readonly<Record<string, KeyAction>> = {
  k: { do: 'play' },
  m: { do: 'mute' },
  f: { do: 'fullscreen' },
  t: { do: 'theatre' },
  c: { do: 'captions' },
  '?': { do: 'help' },
  j: { do: 'seek', seconds: -10 },
  l: { do: 'seek', seconds: 10 },
};

/** Keys that a button, a menu or a list needs for itself. */
const SHARED: Readonly<Record<string, KeyAction>> = {
  ' ': { do: 'play' },
  ArrowLeft: { do: 'seek', seconds: -5 },
  ArrowRight: { do: 'seek', seconds: 5 },
  ArrowUp: { do: 'volume', by: 0.05 },
  ArrowDown: { do: 'volume', by: -0.05 },
};

export function actionOf(pressed: Pressed, place: Place): KeyAction | null {
  if (place === 'typing' || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return null;
  const key = nameOf(pressed);
  if (/^\d$/.test(key)) return { do: 'tenth', digit: Number(key) };
  if (Object.hasOwn(ACTIONS, key)) return ACTIONS[key] ?? null;
  return place === 'page' && Object.hasOwn(SHARED, key) ? (SHARED[key] ?? null) : null;
}

/** A letter of another script, such as л, counts as the Latin one on the same key; a sign never does. */
function nameOf({ key, code }: Pressed): string {
  if (key.length !== 1) return key;
  if (/^(?!\p{Script=Latin})\p{L}$/u.test(key) && /^Key[A-Z]$/.test(code)) return code.slice('Key'.length).toLowerCase();
  return key.toLowerCase();
}

const TYPING = 'input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]';
const CONTROL =
  'button, a, summary, input, [role=button], [role^=menu], [role=log], [role=separator], [role=slider], [role=listbox], ' +
  'media-volume-range, media-play-button, media-mute-button, media-pip-button, media-fullscreen-button';

export function placeOf(target: EventTarget | null): Place {
  if (!(target instanceof Element)) return 'page';
  if (target.closest(TYPING) !== null || (target instanceof HTMLElement && target.isContentEditable)) return 'typing';
  if (target.closest('dialog') !== null) return 'typing';
  return target.closest(CONTROL) === null ? 'page' : 'control';
}
