import { memo, useState, type FocusEvent, type ReactNode } from 'react';
import { Icon } from '../components/Icon';
import { useI18n } from '../i18n/context';
import { Actions } from './Actions';
import { reachOf } from './commands';
import type { Line, MessageLine } from './lines';
import { MessageText } from './MessageText';
import { Badge, hueStyle } from './Name';
import { noticeOf } from './notice';
import type { Pending } from './room';
import { Time } from './Time';
import type { Author, Role } from './events';

/** Who looks at the lines, and what the lines may ask for. */
export interface Reader {
  me: Author | null;
  role: Role;
  onAuthor: (author: Author, messageId: string) => void;
  onSay: (command: string) => void;
}

export const LineRow = memo(function LineRow({ line, reader }: { line: Line; reader: Reader }) {
  const { t, span } = useI18n();
  switch (line.kind) {
    case 'message':
      if (line.removed !== 'no') return <Removed line={line} />;
      return <Said line={line} reader={reader} />;
    case 'notice':
      return (
        <p className="chat-line chat-notice">
          <Time at_ms={line.at_ms} />
          {t(...noticeOf(line, span))}
        </p>
      );
    case 'told':
      return <p className="chat-line chat-told">{line.text}</p>;
    case 'divider':
      return (
        <p className="chat-line chat-divider">
          <span>{t('chat.joinedHere')}</span>
        </p>
      );
  }
});

function Said({ line, reader }: { line: MessageLine; reader: Reader }) {
  const [isNear, setNear] = useState(false);
  const { author } = line;
  const reach = isNear ? reachOf(reader, author) : null;
  const mentionsMe = reader.me !== null && line.text.toLowerCase().includes(`@${reader.me.name.toLowerCase()}`);
  const onBlur = (event: FocusEvent<HTMLDivElement>) => {
    if (!event.currentTarget.contains(event.relatedTarget)) setNear(false);
  };
  const classes = ['chat-line'];
  if (line.colour !== null) classes.push('chat-announcement', `chat-announcement-${line.colour}`);
  else if (mentionsMe) classes.push('chat-line-mine');
  return (
    <div
      className={classes.join(' ')}
      onPointerEnter={() => setNear(true)}
      onPointerLeave={() => setNear(false)}
      onFocus={() => setNear(true)}
      onBlur={onBlur}
    >
      {line.colour !== null && <AnnouncementHead />}
      <Time at_ms={line.at_ms} />
      <Badge role={author.role} />
      <button
        type="button"
        tabIndex={-1}
        className="chat-name"
        style={hueStyle(author.name)}
        onClick={() => reader.onAuthor(author, line.id)}
      >
        {author.name}
      </button>
      <Body text={line.text} me={line.me} author={author.name} reader={reader} />
      {reach !== null && <Actions name={author.name} messageId={line.id} reach={reach} onSay={reader.onSay} />}
    </div>
  );
}

/** Read out before the rest, and seen over it. */
function AnnouncementHead() {
  const { t } = useI18n();
  return (
    <p className="chat-announcement-head">
      <Icon name="broadcast" size={16} />
      {t('chat.announcement')}
    </p>
  );
}

function Body({ text, me, author, reader }: { text: string; me: boolean; author: string; reader: Reader }): ReactNode {
  const content = <MessageText text={text} me={reader.me?.name ?? null} />;
  if (!me) return <span className="chat-text">: {content}</span>;
  return (
    <span className="chat-text chat-me" style={hueStyle(author)}>
      {' '}
      {content}
    </span>
  );
}

function Removed({ line }: { line: MessageLine }) {
  const { t } = useI18n();
  return (
    <div className="chat-line">
      <Time at_ms={line.at_ms} />
      <span className="chat-name" style={hueStyle(line.author.name)}>
        {line.author.name}
      </span>
      <span className="chat-removed">
        : {t(line.removed === 'deleted' ? 'chat.removedDeleted' : 'chat.removedCleared')}
      </span>
    </div>
  );
}

export function PendingRow({ pending, reader }: { pending: Pending; reader: Reader }) {
  const { t } = useI18n();
  const name = reader.me?.name ?? '';
  const isMe = pending.text.startsWith('/me ');
  return (
    <div className="chat-line chat-pending">
      <Badge role={reader.role} />
      <span className="chat-name" style={hueStyle(name)}>
        {name}
      </span>
      <Body text={isMe ? pending.text.slice(4) : pending.text} me={isMe} author={name} reader={reader} />
      <span className="visually-hidden"> {t('chat.pending')}</span>
    </div>
  );
}
