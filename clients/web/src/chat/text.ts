/** Message texts as pieces, and colours of names.  Pure: nothing here makes HTML. */

export interface Piece {
  kind: 'text' | 'link' | 'mention' | 'self';
  text: string;
}

const SPECIAL = /https?:\/\/[^\s<>"'`]+|@[A-Za-z0-9_]{3,25}/g;
const TRAILING = /[.,:;!?)\]}»”]+$/;

/** Split a text into plain words, http(s) addresses and @names; `me` is who reads. */
export function pieces(text: string, me: string | null): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  const plain = (to: number) => {
    if (to > end) found.push({ kind: 'text', text: text.slice(end, to) });
  };
  for (const match of text.matchAll(SPECIAL)) {
    const isMention = match[0].startsWith('@');
    if (isMention && /\w$/.test(text.slice(0, match.index))) continue; // an e-mail address
    const special = isMention ? match[0] : match[0].replace(TRAILING, '');
    if (!isMention && !URL.canParse(special)) continue;
    plain(match.index);
    const isSelf = isMention && me !== null && special.slice(1).toLowerCase() === me.toLowerCase();
    found.push({ kind: isSelf ? 'self' : isMention ? 'mention' : 'link', text: special });
    end = match.index + special.length;
  }
  plain(text.length);
  return found;
}

/** A hue of 0–345 in steps of 15, the same for a name whatever its case (FNV-1a). */
export function hueOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of name.toLowerCase()) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return ((hash >>> 0) % 24) * 15;
}

/** Length as the server counts it: code points, not UTF-16 units. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}
