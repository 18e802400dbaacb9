import { Button, type ButtonVariant } from '../components/Button';
import { useI18n } from '../i18n/context';
import { Notice } from '../shell/Notice';
import type { Submission } from './useSubmit';

/** What was refused as a whole, and the button, which counts down when the server asks to wait. */
export function SubmitRow({
  submission,
  label,
  variant = 'primary',
  disabled = false,
}: {
  submission: Submission;
  label: string;
  variant?: ButtonVariant;
  disabled?: boolean;
}) {
  const { t } = useI18n();
  const { isBusy, waitSeconds, errorOf } = submission;
  const error = errorOf(null);
  return (
    <>
      {error && <Notice kind="bad">{error}</Notice>}
      <div className="submit-row">
        <Button type="submit" variant={variant} disabled={isBusy || disabled || waitSeconds > 0}>
          {waitSeconds > 0 ? t('auth.waitSeconds', { count: waitSeconds }) : label}
        </Button>
      </div>
    </>
  );
}
