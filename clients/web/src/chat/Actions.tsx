import { Icon } from '../components/Icon';
import { useI18n } from '../i18n/context';

const TIMEOUTS = [
  ['1m', 60],
  ['10m', 600],
  ['1h', 3600],
  ['24h', 86_400],
] as const;

/** How far a moderator's power over a line goes: anybody's is pinned, one's own deleted, a lower rank's author silenced. */
export type Reach = 'pin' | 'own' | 'all';

/** A moderator's buttons for a message and its author; each is a command that is said. */
export function Actions({
  name,
  messageId,
  reach,
  onSay,
}: {
  name: string;
  messageId: string;
  reach: Reach;
  onSay: (command: string) => void;
}) {
  const { t } = useI18n();
  return (
    <div className="chat-actions" role="group" aria-label={t('chat.actions', { name })}>
      <button
        type="button"
        title={t('chat.actionPin')}
        aria-label={t('chat.actionPin')}
        onClick={() => onSay(`/pin ${messageId}`)}
      >
        <Icon name="pin" size={14} />
      </button>
      {reach !== 'pin' && (
        <button
          type="button"
          title={t('chat.actionDelete')}
          aria-label={t('chat.actionDelete')}
          onClick={() => onSay(`/delete ${messageId}`)}
        >
          <Icon name="trash" size={14} />
        </button>
      )}
      {reach === 'all' && <Silences name={name} onSay={onSay} />}
    </div>
  );
}

function Silences({ name, onSay }: { name: string; onSay: (command: string) => void }) {
  const { t, span } = useI18n();
  return (
    <>
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
    </>
  );
}
