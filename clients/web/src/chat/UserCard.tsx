import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import { Actions } from './Actions';
import { reachOf } from './commands';
import type { Reader } from './LineRow';
import { Badge, hueStyle } from './Name';
import type { Author } from './events';

const ROLES = {
  owner: 'chat.roleOwner',
  moderator: 'chat.roleModerator',
  vip: 'chat.roleVip',
  member: 'chat.roleMember',
  guest: 'chat.roleGuest',
} as const;

/** Who that is, and what one may do about it. */
export function UserCard({
  author,
  messageId,
  reader,
  onMention,
  onClose,
}: {
  author: Author;
  messageId: string;
  reader: Reader;
  onMention: (name: string) => void;
  onClose: () => void;
}) {
  const { t } = useI18n();
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    card.current?.focus();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus({ preventScroll: true });
    };
  }, [author]);
  const { name, role } = author;
  const reach = reachOf(reader, author);
  const act = (command: string) => {
    reader.onSay(command);
    onClose();
  };
  return (
    // Escape closes from anywhere inside
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={card}
      className="chat-card"
      role="dialog"
      aria-label={name}
      tabIndex={-1}
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <div className="chat-card-head">
        <Badge role={role} />
        <Link className="chat-name" style={hueStyle(name)} to={`/${name.toLowerCase()}`}>
          {name}
        </Link>
        <span className="muted">{t(ROLES[role])}</span>
        <Button variant="quiet" size="s" icon="x" aria-label={t('chat.cardClose', { name })} onClick={onClose} />
      </div>
      <div className="row">
        {reader.me !== null && (
          <Button size="s" onClick={() => onMention(name)}>
            @{name}
          </Button>
        )}
        {reach !== null && <Actions name={name} messageId={messageId} reach={reach} onSay={act} />}
        {reader.role === 'owner' && reader.me?.id !== author.id && (
          <Promotions name={name} role={role} onSay={act} />
        )}
      </div>
    </div>
  );
}

/** The owner's commands, named as they are typed: what they do stands in their help. */
function Promotions({ name, role, onSay }: { name: string; role: Author['role']; onSay: (command: string) => void }) {
  const { t } = useI18n();
  const commands =
    role === 'moderator'
      ? ([['unmod', 'chat.helpUnmod']] as const)
      : role === 'vip'
        ? ([['unvip', 'chat.helpUnvip'], ['mod', 'chat.helpMod']] as const)
        : ([['mod', 'chat.helpMod'], ['vip', 'chat.helpVip']] as const);
  return commands.map(([command, help]) => (
    <Button key={command} size="s" title={t(help)} onClick={() => onSay(`/${command} ${name}`)}>
      /{command}
    </Button>
  ));
}
