import { useId, useState } from 'react';
import { Button } from '../components/Button';
import { Icon } from '../components/Icon';
import { useI18n } from '../i18n/context';
import { canModerate } from './commands';
import type { Pinned } from './events';
import type { Reader } from './LineRow';
import { MessageText } from './MessageText';
import { Badge, hueStyle } from './Name';

/** What stands over the chat, by whom; folded away by whoever has read it, until another is pinned. */
export function PinnedBar({ pinned, reader }: { pinned: Pinned; reader: Reader }) {
  const { t } = useI18n();
  const id = useId();
  const [isOpen, setOpen] = useState(true);
  const { by, message } = pinned;
  return (
    <section className="chat-pin" aria-label={t('chat.pinned')}>
      <div className="chat-pin-head">
        <Icon name="pin" size={16} />
        <span className="chat-pin-by">{t('chat.pinnedBy', { by: by.name })}</span>
        {canModerate(reader.role) && (
          <Button
            variant="quiet"
            size="s"
            icon="x"
            aria-label={t('chat.unpin')}
            title={t('chat.unpin')}
            onClick={() => reader.onSay('/unpin')}
          />
        )}
        <Button
          className={isOpen ? 'chat-pin-fold' : ''}
          variant="quiet"
          size="s"
          icon="chevronDown"
          aria-label={t(isOpen ? 'chat.pinFold' : 'chat.pinUnfold')}
          title={t(isOpen ? 'chat.pinFold' : 'chat.pinUnfold')}
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={() => setOpen(!isOpen)}
        />
      </div>
      <p id={id} className="chat-pin-text" hidden={!isOpen}>
        <Badge role={message.author.role} />
        <button
          type="button"
          className="chat-name"
          style={hueStyle(message.author.name)}
          onClick={() => reader.onAuthor(message.author, message.id)}
        >
          {message.author.name}
        </button>
        : <MessageText text={message.text} me={reader.me?.name ?? null} />
      </p>
    </section>
  );
}
