import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import { useErrorText } from '../i18n/errorText';
import type { VodList } from './useVods';
import { VodCard } from './VodCard';

/** A channel's recordings, newest first; nothing at all while there are none. */
export function PastBroadcasts({ slug, list }: { slug: string; list: VodList }) {
  const { t } = useI18n();
  const errorText = useErrorText();
  const { vods, error, hasMore, isLoadingMore, more } = list;
  // a server without recordings answers 404: that is no fault to show
  if (vods === null || vods.length === 0) return null;
  return (
    <section className="past" aria-labelledby="past">
      <h2 id="past">{t('vods.past')}</h2>
      <ul className="cards past-cards">
        {vods.map((vod) => (
          <VodCard key={vod.public_id} slug={slug} vod={vod} />
        ))}
      </ul>
      {error !== null && <p role="alert">{errorText(error)}</p>}
      {hasMore && (
        <Button busy={isLoadingMore} onClick={() => void more()}>
          {t('vods.more')}
        </Button>
      )}
    </section>
  );
}
