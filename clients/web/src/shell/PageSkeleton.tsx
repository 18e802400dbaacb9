import { Skeleton } from '../components/Skeleton';
import { VisuallyHidden } from '../components/VisuallyHidden';
import { useI18n } from '../i18n/context';

/** While a page's code is on its way. */
export function PageSkeleton() {
  const { t } = useI18n();
  return (
    <div className="page stack" role="status">
      <VisuallyHidden>{t('shell.loading')}</VisuallyHidden>
      <Skeleton width="240px" height="32px" />
      <Skeleton height="180px" />
      <Skeleton height="120px" />
    </div>
  );
}
