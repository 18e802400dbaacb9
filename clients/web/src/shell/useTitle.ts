import { useEffect } from 'react';

/** The document's title: `Dashboard · Leams`; null while it isn't known. */
export function useTitle(title: string | null): void {
  useEffect(() => {
    document.title = title === null || title === '' ? 'Leams' : `${title} · Leams`;
  }, [title]);
}
