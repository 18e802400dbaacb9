import { useApi } from '../../api/context';
import type { BroadcastHealth, LadderWish } from '../../api/types';
import { Button } from '../../components/Button';
import { Field, FieldError, Switch } from '../../components/Field';
import { useI18n } from '../../i18n/context';
import { useSubmit } from '../useSubmit';
import { wishWith } from './ladder';

/** A site makes four unless its operator says otherwise; the API takes up to eight. */
const COUNTS = [1, 2, 3, 4] as const;

interface QualityPanelProps {
  slug: string;
  health: BroadcastHealth;
  /** The health is to be asked anew. */
  onChange: () => void;
}

/** What the channel wants of its qualities, within what the site makes. */
export function QualityPanel({ slug, health, onChange }: QualityPanelProps) {
  const { t, number } = useI18n();
  const api = useApi();
  const { submit, isBusy, errorOf } = useSubmit();
  const wish = health.ladder ?? {};
  const change = (ladder: LadderWish | null) =>
    submit(async () => {
      await api.channels.edit(slug, { ladder });
      onChange();
    });
  const counts = new Set<number>(COUNTS);
  if (wish.max_rungs !== undefined) counts.add(wish.max_rungs);
  const rungs = wish.rungs?.map(({ height, kbps }) => t('dashboard.qualitiesRung', { height, kbps: number(kbps) }));
  return (
    <section className="panel stack" aria-labelledby="qualities">
      <h2 id="qualities">{t('dashboard.qualities')}</h2>
      <Field label={t('dashboard.qualitiesMost')} hint={t('dashboard.qualitiesMostHint')}>
        {(wiring) => (
          <select
            {...wiring}
            className="input"
            value={wish.max_rungs ?? ''}
            disabled={isBusy || wish.sound_only === true}
            onChange={(event) => void change(wishWith(wish, { max_rungs: Number(event.target.value) || undefined }))}
          >
            <option value="">{t('dashboard.qualitiesAll')}</option>
            {[...counts].map((count) => (
              <option key={count} value={count}>
                {t('dashboard.qualitiesUpTo', { count })}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Switch
        label={t('dashboard.passOn')}
        hint={t('dashboard.passOnHint')}
        isOn={wish.copy !== false}
        disabled={isBusy || wish.sound_only === true}
        onChange={(isOn) => void change(wishWith(wish, { copy: isOn ? undefined : false }))}
      />
      <Switch
        label={t('dashboard.soundOnly')}
        hint={t('dashboard.soundOnlyHint')}
        isOn={wish.sound_only === true}
        disabled={isBusy}
        onChange={(isOn) => void change(wishWith(wish, { sound_only: isOn || undefined }))}
      />
      {rungs !== undefined && <p className="muted">{t('dashboard.qualitiesCustom', { rungs: rungs.join(', ') })}</p>}
      {health.ladder !== null && (
        <div>
          <Button size="s" icon="refresh" busy={isBusy} onClick={() => void change(null)}>
            {t('dashboard.qualitiesReset')}
          </Button>
        </div>
      )}
      <p className="field-hint">{t('dashboard.qualitiesFromTheNext')}</p>
      <FieldError text={errorOf(null)} />
    </section>
  );
}
