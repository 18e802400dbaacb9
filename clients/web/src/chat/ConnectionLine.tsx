import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import type { Status } from './connection';
import { useNow } from './useNow';

const STOPPED = {
  come_back: 'chat.refusedConnection',
  renew_token: 'chat.accountGone',
  account_gone: 'chat.accountGone',
  flood: 'chat.flood',
  outdated: 'chat.outdated',
  refused: 'chat.refusedConnection',
  no_room: 'chat.noRoom',
} as const;

/** A thin line while the chat is away; what is on the page stays readable. */
export function ConnectionLine({ status, hasJoined }: { status: Status; hasJoined: boolean }) {
  const { t } = useI18n();
  if (status.kind === 'connected') return null;
  if (status.kind === 'stopped') {
    return (
      <div className="chat-away" role="alert">
        <span>{t(STOPPED[status.why])}</span>
        <Button size="s" onClick={() => location.reload()}>
          {t('chat.reload')}
        </Button>
      </div>
    );
  }
  return (
    <div className="chat-away chat-away-thin" role="status">
      {status.kind === 'waiting' ? (
        <Wait untilMs={status.untilMs} />
      ) : (
        t(hasJoined ? 'chat.reconnecting' : 'chat.connecting')
      )}
    </div>
  );
}

function Wait({ untilMs }: { untilMs: number }) {
  const { t, span } = useI18n();
  const left = untilMs - useNow(1000);
  return left > 2000 ? <span aria-hidden="true">{t('chat.reconnectingIn', { span: span(left) })}</span> : t('chat.reconnecting');
}
