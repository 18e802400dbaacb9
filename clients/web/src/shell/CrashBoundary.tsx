import { Component, type ErrorInfo, type ReactNode } from 'react';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { useI18n } from '../i18n/context';

/** What a page threw, or a chunk that is gone after an update: words and a way on instead of a white page. */
export class CrashBoundary extends Component<{ children: ReactNode }, { hasCrashed: boolean }> {
  override state = { hasCrashed: false };

  static getDerivedStateFromError(): { hasCrashed: boolean } {
    return { hasCrashed: true };
  }

  override componentDidCatch(error: unknown, where: ErrorInfo): void {
    console.error('page_crashed', error, where.componentStack);
  }

  override render(): ReactNode {
    return this.state.hasCrashed ? <Crash /> : this.props.children;
  }
}

function Crash() {
  const { t } = useI18n();
  return (
    <EmptyState
      icon="alert"
      title={t('shell.crashTitle')}
      actions={
        <Button variant="primary" onClick={() => location.reload()}>
          {t('shell.reload')}
        </Button>
      }
    >
      <p role="alert">{t('shell.crashText')}</p>
    </EmptyState>
  );
}
