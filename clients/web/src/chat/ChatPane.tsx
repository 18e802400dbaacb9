import { useCallback, useMemo, useRef, useState, type ReactNode } from 'react';
import { useI18n } from '../i18n/context';
import { Composer, type ComposerHandle } from './Composer';
import { ConnectionLine } from './ConnectionLine';
import { LineList } from './LineList';
import type { Reader } from './LineRow';
import { PinnedBar } from './PinnedBar';
import { useChatPreferences } from './preferences';
import { SettingsMenu } from './SettingsMenu';
import type { ChatStore, ChatView } from './store';
import { UserCard } from './UserCard';
import { useUndo } from './useUndo';
import type { Author } from './events';
import './chat.css';

/** The chat of a channel: who is there, the lines, the field.  `tools` are the page's own buttons. */
export function ChatPane({ store, view, tools }: { store: ChatStore; view: ChatView; tools?: ReactNode }) {
  const { t } = useI18n();
  const { room, status } = view;
  const { fontSize, timestamps } = useChatPreferences();
  const [card, setCard] = useState<{ author: Author; messageId: string } | null>(null);
  const composer = useRef<ComposerHandle>(null);
  const { me, role } = room;

  const onAuthor = useCallback((author: Author, messageId: string) => setCard({ author, messageId }), []);
  const onSay = useCallback((command: string) => void store.say(command), [store]);
  const reader = useMemo<Reader>(() => ({ me, role, onAuthor, onSay }), [me, role, onAuthor, onSay]);
  useUndo(room, store);

  const classes = ['chat', `chat-size-${fontSize}`, timestamps ? 'chat-with-times' : ''].filter(Boolean).join(' ');
  return (
    <section className={classes} aria-label={t('chat.title')}>
      <header className="chat-head">
        <h2>{t('chat.title')}</h2>
        {room.info !== null && <span className="muted">{t('chat.chatters', { count: room.info.chatters })}</span>}
        <div className="chat-tools">
          <SettingsMenu />
          {tools}
        </div>
      </header>
      <ConnectionLine status={status} hasJoined={room.hasJoined} />
      {room.pinned !== null && (
        <PinnedBar key={`${room.pinned.message.id} ${room.pinned.at_ms}`} pinned={room.pinned} reader={reader} />
      )}
      <LineList store={store} room={room} reader={reader} />
      {card !== null && (
        <UserCard
          author={card.author}
          messageId={card.messageId}
          reader={reader}
          onMention={(name) => {
            composer.current?.insert(`@${name} `);
            setCard(null);
          }}
          onClose={() => setCard(null)}
        />
      )}
      <Composer store={store} room={room} ref={composer} />
    </section>
  );
}
