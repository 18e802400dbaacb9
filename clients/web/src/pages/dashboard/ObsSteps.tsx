import { useI18n } from '../../i18n/context';

const STEPS = ['dashboard.obs1', 'dashboard.obs2', 'dashboard.obs3', 'dashboard.obs4', 'dashboard.obs5'] as const;

export function ObsSteps() {
  const { t } = useI18n();
  return (
    <section className="panel">
      <h2>{t('dashboard.obs')}</h2>
      <ol className="steps">
        {STEPS.map((step) => (
          <li key={step}>{t(step)}</li>
        ))}
      </ol>
    </section>
  );
}
