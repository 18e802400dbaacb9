import { useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { useI18n } from '../i18n/context';

export const CHAT_FIRST_PX = 340;
const LEAST_PX = 260;
const MOST_PX = 640;
const STEP_PX = 20;

export function clampChat(px: number): number {
  return Number.isFinite(px) ? Math.round(Math.min(MOST_PX, Math.max(LEAST_PX, px))) : CHAT_FIRST_PX;
}

/** The line between player and chat: dragged, or moved with the arrows. */
export function Resizer({ px, onChange }: { px: number; onChange: (px: number) => void }) {
  const { t } = useI18n();
  const start = useRef<{ x: number; px: number } | null>(null);
  const onPointerDown = (event: PointerEvent<HTMLDivElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    start.current = { x: event.clientX, px };
  };
  const onPointerMove = (event: PointerEvent) => {
    if (start.current !== null) onChange(clampChat(start.current.px + start.current.x - event.clientX));
  };
  const onPointerUp = () => {
    start.current = null;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: STEP_PX, ArrowRight: -STEP_PX }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onChange(clampChat(px + step));
  };
  return (
    // a separator that can be moved is a widget (ARIA 1.2)
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      className="watch-resizer"
      role="separator"
      aria-orientation="vertical"
      aria-label={t('chat.resize')}
      aria-valuenow={px}
      aria-valuemin={LEAST_PX}
      aria-valuemax={MOST_PX}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={onPointerUp}
      onKeyDown={onKeyDown}
    />
  );
}
