import { useEffect, useEffectEvent } from 'react';
import { actionOf, placeOf, type KeyAction } from './keys';

/** The page's keys, while nobody types. */
export function useKeys(perform: (action: KeyAction) => void): void {
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return;
    const action = actionOf(event, placeOf(event.target));
    if (action === null) return;
    event.preventDefault();
    perform(action);
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => onKey(event);
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
}
