import { useApi } from '../../api/context';
import type { BroadcastHealth, BroadcastVisibility, Channel, ChannelEdit } from '../../api/types';
import { Button } from '../../components/Button';
import { Field, FieldError, Switch } from '../../components/Field';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { Notice } from '../../shell/Notice';
import { useSubmit } from '../useSubmit';

const VISIBILITIES: readonly BroadcastVisibility[] = ['public', 'private'];

interface AudiencePanelProps {
  channel: Channel;
  health: BroadcastHealth;
  onChannel: (channel: Channel) => void;
  /** The health is to be asked anew. */
  onChange: () => void;
}

/** Who sees the next broadcast, whether it is kept, and whether it is one at all. */
export function AudiencePanel({ channel, health, onChannel, onChange }: AudiencePanelProps) {
  const { t } = useI18n();
  const api = useApi();
  const toast = useToast();
  const { submit, isBusy, errorOf } = useSubmit();
  const isOn = health.state !== 'offline';
  const edit = (change: ChannelEdit) =>
    submit(async () => {
      onChannel(await api.channels.edit(channel.slug, change));
      onChange();
    });
  const rotate = () =>
    submit(async () => {
      await api.broadcast.rotateCapability(channel.slug);
      toast({ kind: 'good', text: t('dashboard.rotatedAddresses') });
      onChange();
    });
  return (
    <section className="panel stack" aria-labelledby="audience">
      <h2 id="audience">{t('dashboard.audience')}</h2>
      <Field label={t('dashboard.visibility')} hint={t(`dashboard.visibilityHint_${channel.visibility}`)}>
        {(wiring) => (
          <select
            {...wiring}
            className="input"
            value={channel.visibility}
            disabled={isBusy}
            onChange={(event) => void edit({ visibility: event.target.value as BroadcastVisibility })}
          >
            {VISIBILITIES.map((one) => (
              <option key={one} value={one}>
                {t(`dashboard.visibility_${one}`)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Switch
        label={t('dashboard.nextIsTest')}
        hint={t('dashboard.nextIsTestHint')}
        isOn={health.next_is_test}
        disabled={isBusy}
        onChange={(isTest) => void edit({ next_is_test: isTest })}
      />
      <Switch
        label={t('dashboard.record')}
        hint={t('dashboard.recordHint')}
        isOn={channel.record}
        disabled={isBusy}
        onChange={(record) => void edit({ record })}
      />
      {isOn && (health.visibility !== channel.visibility || health.is_test !== health.next_is_test) && (
        <Notice kind="info">{t('dashboard.fromTheNext')}</Notice>
      )}
      {isOn && health.visibility === 'private' && (
        <div>
          <Button size="s" icon="refresh" busy={isBusy} onClick={() => void rotate()}>
            {t('dashboard.rotateAddresses')}
          </Button>
          <p className="field-hint">{t('dashboard.rotateAddressesHint')}</p>
        </div>
      )}
      <FieldError text={errorOf(null)} />
    </section>
  );
}
