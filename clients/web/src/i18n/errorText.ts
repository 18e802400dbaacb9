import { useCallback } from 'react';
import { asApiError } from '../api/error';
import { useI18n } from './context';
import { hasMessage, type MessageKey } from './languages';

/** A sentence for anything that was thrown: our own words for the code, else the server's. */
export function useErrorText(): (thrown: unknown) => string {
  const { t } = useI18n();
  return useCallback(
    (thrown: unknown) => {
      const error = asApiError(thrown);
      const key = `errors.${error.code}`;
      const count = Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1));
      return hasMessage(key) ? t(key, { count }) : t('errors.unknown' satisfies MessageKey, { message: error.message });
    },
    [t],
  );
}
