import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { useI18n } from '../i18n/context';
import { Button } from './Button';
import { Icon } from './Icon';
import { ToastContext, type ToastText } from './toasts';
import './toast.css';

type Shown = ToastText & { id: number };

const AT_MOST = 4;
const SHOWN_MS = { info: 6000, good: 5000, bad: 10_000 } as const;
const ICONS = { info: 'info', good: 'check', bad: 'alert' } as const;

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Shown[]>([]);
  const nextId = useRef(0);
  const toast = useCallback((text: ToastText) => {
    const id = nextId.current++;
    setToasts((shown) => [...shown, { ...text, id }].slice(-AT_MOST));
  }, []);
  const drop = useCallback((id: number) => setToasts((shown) => shown.filter((one) => one.id !== id)), []);
  return (
    <ToastContext value={toast}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((one) => (
          <Toast key={one.id} toast={one} onDrop={drop} />
        ))}
      </div>
    </ToastContext>
  );
}

function Toast({ toast, onDrop }: { toast: Shown; onDrop: (id: number) => void }) {
  const { t } = useI18n();
  const [isHeld, setHeld] = useState(false);
  useEffect(() => {
    if (isHeld) return;
    const timer = setTimeout(() => onDrop(toast.id), SHOWN_MS[toast.kind]);
    return () => clearTimeout(timer);
  }, [isHeld, onDrop, toast]);
  const hold = { onMouseEnter: () => setHeld(true), onMouseLeave: () => setHeld(false) };
  return (
    <div
      className={`toast toast-${toast.kind}`}
      {...hold}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <Icon name={ICONS[toast.kind]} />
      <p>{toast.text}</p>
      {toast.action && (
        <Button
          size="s"
          onClick={() => {
            toast.action?.onAction();
            onDrop(toast.id);
          }}
        >
          {toast.action.label}
        </Button>
      )}
      <Button variant="quiet" size="s" icon="x" aria-label={t('shell.close')} onClick={() => onDrop(toast.id)} />
    </div>
  );
}
