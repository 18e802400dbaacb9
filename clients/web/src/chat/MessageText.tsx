import { pieces } from './text';

/** A message's text as text: addresses become links, names stand out, nothing becomes HTML. */
export function MessageText({ text, me }: { text: string; me: string | null }) {
  return pieces(text, me).map((piece, index) => {
    if (piece.kind === 'link') {
      return (
        <a key={index} href={piece.text} target="_blank" rel="noopener noreferrer nofollow ugc">
          {piece.text}
        </a>
      );
    }
    if (piece.kind === 'text') return piece.text;
    return (
      <span key={index} className={piece.kind === 'self' ? 'chat-mention chat-mention-self' : 'chat-mention'}>
        {piece.text}
      </span>
    );
  });
}
