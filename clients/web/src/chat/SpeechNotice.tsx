import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import { hasMessage } from '../i18n/languages';
import { isAboveModes } from './commands';
import type { Refusal, RoomState } from './room';
import type { Speech } from './speech';

const SECOND = 1000;

/** What keeps one from speaking, or will, before one types; with the time that is left. */
export function SpeechNotice({ speech, room, now }: { speech: Speech; room: RoomState; now: number }) {
  const { t, span } = useI18n();
  const { slow_seconds, followers_only_seconds } = room.modes;
  if (speech.kind === 'barred') {
    const left = speech.untilMs === null ? '' : span(Math.max(SECOND, speech.untilMs - now));
    const { reason } = speech;
    const params = { span: left, reason };
    return (
      <p className="chat-note chat-note-bar">
        {speech.code === 'timed_out' && t(reason === '' ? 'chat.timedOut' : 'chat.timedOutBecause', params)}
        {speech.code === 'banned' && t(reason === '' ? 'chat.banned' : 'chat.bannedBecause', params)}
        {speech.code === 'followers_only' && t('chat.why_followers_only')}
        {speech.code === 'slow_mode' && t('chat.slowMode', { span: span(slow_seconds * SECOND) })}
        {speech.code !== 'timed_out' && left !== '' && ` ${t('chat.maySpeakIn', { span: left })}`}
      </p>
    );
  }
  if (slow_seconds === 0 && followers_only_seconds === null) return null;
  return (
    <p className={isAboveModes(room.role) ? 'chat-note chat-note-above' : 'chat-note'} aria-label={t('chat.modes')}>
      {slow_seconds > 0 && t('chat.slowMode', { span: span(slow_seconds * SECOND) })}{' '}
      {followers_only_seconds === 0 && t('chat.followersOnly')}
      {followers_only_seconds !== null &&
        followers_only_seconds > 0 &&
        t('chat.followersOnlyFor', { span: span(followers_only_seconds * SECOND) })}
    </p>
  );
}

/** Why a text was not taken, beside the text itself. */
export function RefusalNotice({
  refusal,
  isInField,
  now,
  onPutBack,
  onForget,
}: {
  refusal: Refusal | null;
  isInField: boolean;
  now: number;
  onPutBack: (text: string) => void;
  onForget: () => void;
}) {
  const { t, span } = useI18n();
  if (refusal === null) return null;
  const key = `chat.why_${refusal.code}`;
  const leftMs = (refusal.until_ms ?? 0) - now;
  return (
    <div className="chat-note chat-note-bad" role="alert">
      {!isInField && (
        <p className="chat-refused">
          {t('chat.refusedText', { text: refusal.text })}{' '}
          <Button size="s" onClick={() => onPutBack(refusal.text)}>
            {t('chat.putBack')}
          </Button>
          <Button size="s" variant="quiet" icon="x" aria-label={t('shell.close')} onClick={onForget} />
        </p>
      )}
      {hasMessage(key) ? t(key) : t('chat.why_unknown', { message: refusal.message })}
      {leftMs > 0 && ` ${t('chat.maySpeakIn', { span: span(leftMs) })}`}
    </div>
  );
}
