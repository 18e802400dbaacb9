import { useState, type SyntheticEvent } from 'react';
import { useApi } from '../../api/context';
import type { NewStreamKey } from '../../api/types';
import { Button } from '../../components/Button';
import { CopyField } from '../../components/CopyField';
import { Dialog } from '../../components/Dialog';
import { TextField } from '../../components/Field';
import { useI18n } from '../../i18n/context';
import { Notice } from '../../shell/Notice';
import { SubmitRow } from '../SubmitRow';
import { useSubmit } from '../useSubmit';

/** `stream_keys.label` is short: it names a computer. */
const LABEL_MAX_CHARS = 50;

export function NewKeyDialog({
  slug,
  onMade,
  onClose,
}: {
  slug: string;
  onMade: (made: NewStreamKey) => void;
  onClose: () => void;
}) {
  const { t } = useI18n();
  const api = useApi();
  const submission = useSubmit(['label']);
  const [label, setLabel] = useState('OBS');
  const [hasTried, setTried] = useState(false);
  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (label.trim() === '') return;
    void submission.submit(async () => onMade(await api.keys.create(slug, label.trim())));
  };
  return (
    <Dialog title={t('dashboard.newKey')} onClose={onClose}>
      <form className="stack" noValidate onSubmit={onSubmit}>
        <TextField
          label={t('dashboard.keyLabel')}
          hint={t('dashboard.keyLabelHint')}
          maxLength={LABEL_MAX_CHARS}
          value={label}
          onChange={setLabel}
          error={hasTried && label.trim() === '' ? t('dashboard.keyLabelRequired') : submission.errorOf('label')}
        />
        <SubmitRow submission={submission} label={t('dashboard.create')} />
      </form>
    </Dialog>
  );
}

/** The secret, this once. */
export function SecretDialog({
  made,
  server,
  onClose,
}: {
  made: NewStreamKey;
  server: string;
  onClose: () => void;
}) {
  const { t } = useI18n();
  return (
    <Dialog
      title={t('dashboard.keyTitle', { label: made.key.label })}
      onClose={onClose}
      actions={
        <Button variant="primary" onClick={onClose}>
          {t('dashboard.keyDone')}
        </Button>
      }
    >
      <Notice kind="warn">{t('dashboard.keyOnce')}</Notice>
      <CopyField label={t('dashboard.streamKey')} value={made.secret} copyLabel={t('dashboard.copySecret')} isSecret />
      <CopyField label={t('dashboard.server')} value={server} copyLabel={t('dashboard.copyServer')} />
    </Dialog>
  );
}
