/** What the server will want, told before it is asked; the server has the last word. */

export function isName(text: string): boolean {
  return /^[A-Za-z0-9_]{3,25}$/.test(text);
}

/** The server counts code points of the composed form (NFC). */
export function isPassword(text: string): boolean {
  const length = Array.from(text.normalize('NFC')).length;
  return length >= 8 && length <= 200;
}
