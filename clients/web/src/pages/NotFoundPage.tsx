import { ButtonLink } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { useI18n } from '../i18n/context';
import { useTitle } from '../shell/useTitle';

export function NotFoundPage() {
  const { t } = useI18n();
  useTitle(t('shell.notFoundTitle'));
  return (
    <EmptyState
      icon="search"
      title={t('shell.notFoundTitle')}
      actions={
        <ButtonLink to="/" variant="primary">
          {t('shell.toHome')}
        </ButtonLink>
      }
    >
      <p>{t('shell.notFoundText')}</p>
    </EmptyState>
  );
}
