import { useState } from 'react';
import { useLocation } from 'react-router';
import { useApi } from '../api/context';
import type { Channel } from '../api/types';
import { Button, ButtonLink } from '../components/Button';
import { useToast } from '../components/toasts';
import { useI18n } from '../i18n/context';
import { useErrorText } from '../i18n/errorText';
import { useSession } from '../session/context';

export function FollowButton({ channel, onChange }: { channel: Channel; onChange: (channel: Channel) => void }) {
  const { t } = useI18n();
  const api = useApi();
  const { status } = useSession();
  const { pathname } = useLocation();
  const toast = useToast();
  const errorText = useErrorText();
  const [isBusy, setBusy] = useState(false);
  const { name, slug, followed, followers } = channel;

  if (status === 'signedOut') {
    return (
      <ButtonLink to={`/login?next=${encodeURIComponent(pathname)}`} variant="primary" icon="heart">
        <span className="watch-act">{t('watch.follow')}</span>
      </ButtonLink>
    );
  }
  const change = async () => {
    setBusy(true);
    try {
      await (followed ? api.channels.unfollow(slug) : api.channels.follow(slug));
      onChange({ ...channel, followed: !followed, followers: Math.max(0, followers + (followed ? -1 : 1)) });
    } catch (error) {
      toast({ kind: 'bad', text: errorText(error) });
    }
    setBusy(false);
  };
  return (
    <Button
      variant={followed ? 'secondary' : 'primary'}
      icon={followed ? 'heartFilled' : 'heart'}
      aria-pressed={followed}
      aria-label={t(followed ? 'watch.unfollow' : 'watch.notFollowing', { name })}
      busy={isBusy}
      onClick={() => void change()}
    >
      <span className="watch-act">{t(followed ? 'watch.following' : 'watch.follow')}</span>
    </Button>
  );
}
