import { useEffect, useState } from 'react';
import { asApiError, type ApiError } from '../api/error';
import { useErrorText } from '../i18n/errorText';

export interface Submission {
  isBusy: boolean;
  /** Counts down while the server wants no further attempt; 0: go on. */
  waitSeconds: number;
  /** The refusal's text for this field; `null` asks for what belongs to no field of `fields`. */
  errorOf: (field: string | null) => string | null;
  /** Run; true if it worked. */
  submit: (work: () => Promise<unknown>) => Promise<boolean>;
}

/** One form's attempt to do something: busy, refused (where), or told to wait. */
export function useSubmit(fields: readonly string[] = []): Submission {
  const errorText = useErrorText();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [waitSeconds, setWaitSeconds] = useState(0);

  useEffect(() => {
    if (waitSeconds === 0) return;
    const timer = setTimeout(() => setWaitSeconds(waitSeconds - 1), 1000);
    return () => clearTimeout(timer);
  }, [waitSeconds]);

  return {
    isBusy,
    waitSeconds,
    errorOf: (field) => {
      if (error === null) return null;
      const place = error.field !== null && fields.includes(error.field) ? error.field : null;
      return place === field ? errorText(error) : null;
    },
    submit: async (work) => {
      setBusy(true);
      setError(null);
      try {
        await work();
        return true;
      } catch (thrown) {
        const refused = asApiError(thrown);
        setError(refused);
        if (refused.status === 429) setWaitSeconds(Math.ceil(refused.retryAfterSeconds ?? 1));
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
