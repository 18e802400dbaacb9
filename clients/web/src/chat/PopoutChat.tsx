import { useCallback } from 'react';
import { useParams } from 'react-router';
import { usePolled } from '../api/usePolled';
import { useApi } from '../api/context';
import { EmptyState } from '../components/EmptyState';
import { useI18n } from '../i18n/context';
import { useErrorText } from '../i18n/errorText';
import { PageSkeleton } from '../shell/PageSkeleton';
import { useTitle } from '../shell/useTitle';
import { ChatPane } from './ChatPane';
import { useChat } from './useChat';

/** The chat alone, for a second screen or a window beside the encoder. */
export default function PopoutChat() {
  const { slug = '' } = useParams();
  const { t } = useI18n();
  const api = useApi();
  const errorText = useErrorText();
  const load = useCallback((signal: AbortSignal) => api.channels.read(slug, signal), [api, slug]);
  const { data, error } = usePolled(load, 0);
  useTitle(data === null ? null : `${t('chat.title')}: ${data.name}`);
  if (data !== null) {
    return (
      <main className="chat-popout">
        <h1 className="visually-hidden">{data.name}</h1>
        <RoomOf key={data.id} room={String(data.id)} />
      </main>
    );
  }
  if (error === null) return <PageSkeleton />;
  return (
    <EmptyState icon="chat" title={error.status === 404 ? t('shell.notFoundTitle') : t('chat.title')}>
      <p role="alert">{error.status === 404 ? t('shell.notFoundText') : errorText(error)}</p>
    </EmptyState>
  );
}

function RoomOf({ room }: { room: string }) {
  const { store, view } = useChat(room);
  return <ChatPane store={store} view={view} />;
}
