import { useId, useImperativeHandle, useLayoutEffect, useRef, useState, type KeyboardEvent, type Ref } from 'react';
import { useLocation } from 'react-router';
import { Button, ButtonLink } from '../components/Button';
import { useI18n } from '../i18n/context';
import type { RoomState } from './room';
import { RefusalNotice, SpeechNotice } from './SpeechNotice';
import { speechOf } from './speech';
import type { ChatStore } from './store';
import { Suggestions } from './Suggestions';
import { lengthOf } from './text';
import { useField } from './useField';
import { useNow } from './useNow';

export interface ComposerHandle {
  /** Put words into the field: a mention from a card. */
  insert: (words: string) => void;
}

const NEAR_LIMIT = 60;

interface ComposerProps {
  store: ChatStore;
  room: RoomState;
  ref: Ref<ComposerHandle>;
}

export function Composer({ store, room, ref }: ComposerProps) {
  const { t } = useI18n();
  const { pathname } = useLocation();
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const field = useField(room, store.room);
  const [isFull, setFull] = useState(false);
  const [seen, setSeen] = useState(room.refusal);
  const now = useNow(room.restriction !== null || room.modes.slow_seconds > 0 || room.refusal !== null ? 1000 : 0);
  const speech = speechOf(room, now + room.skewMs);
  const { text, completion } = field;
  const over = lengthOf(text) - room.textMaxChars;

  // what was refused goes back to its field, unless something else stands there already
  if (room.refusal !== seen) {
    setSeen(room.refusal);
    if (room.refusal !== null && text === '') field.change(room.refusal.text);
  }

  useLayoutEffect(() => {
    const element = area.current;
    if (element === null) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight + 2}px`;
  }, [text]);
  useLayoutEffect(() => {
    if (field.placed !== null) area.current?.setSelectionRange(field.placed.caret, field.placed.caret);
  }, [field.placed]);

  useImperativeHandle(ref, () => ({
    insert: (words) => {
      field.change(text === '' || text.endsWith(' ') ? text + words : `${text} ${words}`);
      area.current?.focus();
    },
  }));

  if (speech.kind === 'guest') {
    if (!room.hasJoined) return <div className="chat-composer chat-composer-guest" />;
    return (
      <div className="chat-composer chat-composer-guest">
        <ButtonLink to={`/login?next=${encodeURIComponent(pathname)}`} variant="primary">
          {t('chat.guest')}
        </ButtonLink>
      </div>
    );
  }

  const isCommand = text.startsWith('/') && !text.startsWith('/me ');
  const canSend = text.trim() !== '' && over <= 0 && (speech.kind === 'free' || isCommand);
  const send = () => {
    if (!canSend) return;
    const isTaken = store.say(text.trim());
    setFull(!isTaken);
    if (isTaken) field.sent();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (field.onKey(event)) event.preventDefault();
    else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  };
  const options = completion !== null && completion.suggestions.length > 0 ? `${id}-options` : undefined;

  return (
    <div className="chat-composer">
      {completion !== null && (
        <Suggestions id={`${id}-options`} completion={completion} active={field.active} onPick={field.pick} />
      )}
      <RefusalNotice
        refusal={room.refusal}
        isInField={room.refusal?.text === text}
        now={now}
        onPutBack={(words) => field.change(words)}
        onForget={store.forgetRefusal}
      />
      <SpeechNotice speech={speech} room={room} now={now + room.skewMs} />
      {isFull && <p className="chat-note">{t('chat.tooMuch')}</p>}
      <div className="chat-field">
        <textarea
          ref={area}
          rows={1}
          className="input"
          value={text}
          placeholder={t('chat.placeholder')}
          aria-label={t('chat.field')}
          aria-autocomplete="list"
          aria-controls={options}
          aria-activedescendant={options && field.active >= 0 ? `${options}-${field.active}` : undefined}
          aria-invalid={over > 0 || undefined}
          enterKeyHint="send"
          autoComplete="off"
          onChange={(event) => field.typed(event.target.value, event.target.selectionStart)}
          onSelect={(event) => field.moveCaret(event.currentTarget.selectionStart)}
          onKeyDown={onKeyDown}
        />
        <Button variant="primary" icon="send" aria-label={t('chat.send')} disabled={!canSend} onClick={send} />
      </div>
      {over > -NEAR_LIMIT && (
        <p className={over > 0 ? 'chat-note chat-note-bad' : 'chat-note'} role={over > 0 ? 'alert' : undefined}>
          {over > 0
            ? t('chat.tooLong', { count: over })
            : t('chat.left', { count: room.textMaxChars + over, most: room.textMaxChars })}
        </p>
      )}
    </div>
  );
}
