import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import { useErrorText } from '../i18n/errorText';
import { Notice } from './Notice';

/** In the place of what could not be loaded: why, and a way to try again. */
export function Unreachable({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const { t } = useI18n();
  const errorText = useErrorText();
  return (
    <Notice
      kind="bad"
      actions={
        <Button size="s" icon="refresh" onClick={onRetry}>
          {t('shell.retry')}
        </Button>
      }
    >
      {errorText(error)}
    </Notice>
  );
}
