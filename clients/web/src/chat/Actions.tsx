import { Icon } from '../components/Icon';
import { useI18n } from '../i18n/context';

const TIMEOUTS = [
  ['1m', 60],
  ['10m', 600],
  ['1h', 3600],
  ['24h', 86_400],
] as const;

/** A moderator's buttons for a message and its author; each is a command that is said. */
export function Actions({
  name,
  messageId,
  onSay,
}: {
  name: string;
  messageId: string | null;
  onSay: (command: string) => void;
}) {
  const { t, span } = useI18n();
  return (
    <div className="chat-actions" role="group" aria-label={t('chat.actions', { name })}>
      {messageId !== null && (
        <button
          type="button"
          title={t('chat.actionDelete')}
          aria-label={t('chat.actionDelete')}
          onClick={() => onSay(`/delete ${messageId}`)}
        >
          <Icon name="trash" size={14} />
        </button>
      )}
      {TIMEOUTS.map(([length, seconds]) => {
        const label = t('chat.actionTimeout', { span: span(seconds * 1000) });
        return (
          <button
            type="button"
            key={length}
            title={label}
            aria-label={label}
            onClick={() => onSay(`/timeout ${name} ${length}`)}
          >
            {length}
          </button>
        );
      })}
      <button
        type="button"
        className="chat-action-ban"
        title={t('chat.actionBan')}
        aria-label={t('chat.actionBan')}
        onClick={() => onSay(`/ban ${name}`)}
      >
        <Icon name="stop" size={14} />
      </button>
    </div>
  );
}
