import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';

/** The page's own buttons at the chat's head: its own window, and away with it. */
export function ChatTools({ slug, onHide }: { slug: string; onHide: () => void }) {
  const { t } = useI18n();
  const popOut = () => {
    window.open(`/${slug}/chat`, `leams-chat-${slug}`, 'popup,width=400,height=720');
    onHide();
  };
  return (
    <>
      <Button variant="quiet" size="s" icon="external" aria-label={t('chat.popout')} title={t('chat.popout')} onClick={popOut} />
      <Button variant="quiet" size="s" icon="x" aria-label={t('chat.collapse')} title={t('chat.collapse')} onClick={onHide} />
    </>
  );
}
