import { createContext, use } from 'react';

export interface ToastAction {
  label: string;
  onAction: () => void;
}

export interface ToastText {
  kind: 'info' | 'good' | 'bad';
  text: string;
  action?: ToastAction;
}

export const ToastContext = createContext<((toast: ToastText) => void) | null>(null);

/** Say something in passing: `toast({ kind: 'good', text: t('…') })`. */
export function useToast(): (toast: ToastText) => void {
  const toast = use(ToastContext);
  if (toast === null) throw new Error('useToast outside <ToastProvider>');
  return toast;
}
