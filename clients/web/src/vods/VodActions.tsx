import { useState } from 'react';
import { useApi } from '../api/context';
import type { Visibility, Vod, VodDetails } from '../api/types';
import { Button } from '../components/Button';
import { ConfirmDialog, Dialog } from '../components/Dialog';
import { Field, FieldError, TextField } from '../components/Field';
import { useToast } from '../components/toasts';
import { useI18n } from '../i18n/context';
import { useSubmit } from '../pages/useSubmit';
import { sizeText } from './vod';

const VISIBILITIES: readonly Visibility[] = ['public', 'unlisted', 'private'];

interface VodActionsProps {
  vod: Vod;
  onChange: (vod: VodDetails) => void;
  onRemoved: () => void;
}

/** What its owner may do with a recording. */
export function VodActions({ vod, onChange, onRemoved }: VodActionsProps) {
  const { t } = useI18n();
  const [open, setOpen] = useState<'edit' | 'remove' | null>(null);
  const close = () => setOpen(null);
  return (
    <div className="watch-acts">
      <Button icon="edit" aria-label={t('vods.edit')} onClick={() => setOpen('edit')}>
        <span className="watch-act">{t('vods.edit')}</span>
      </Button>
      <Button icon="trash" aria-label={t('vods.remove')} onClick={() => setOpen('remove')}>
        <span className="watch-act">{t('vods.remove')}</span>
      </Button>
      {open === 'edit' && <EditVod vod={vod} onChange={onChange} onClose={close} />}
      {open === 'remove' && <RemoveVod vod={vod} onRemoved={onRemoved} onClose={close} />}
    </div>
  );
}

function EditVod({ vod, onChange, onClose }: { vod: Vod; onChange: (vod: VodDetails) => void; onClose: () => void }) {
  const { t } = useI18n();
  const api = useApi();
  const toast = useToast();
  const { submit, isBusy, errorOf } = useSubmit();
  const [title, setTitle] = useState(vod.title);
  const [visibility, setVisibility] = useState(vod.visibility);
  const save = () =>
    submit(async () => {
      onChange(await api.vods.edit(vod.public_id, { title, visibility }));
      toast({ kind: 'good', text: t('vods.saved') });
      onClose();
    });
  return (
    <Dialog
      title={t('vods.edit')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('shell.cancel')}</Button>
          <Button variant="primary" type="submit" form="vod-edit" busy={isBusy}>
            {t('shell.save')}
          </Button>
        </>
      }
    >
      <form
        id="vod-edit"
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextField label={t('vods.title')} value={title} maxLength={140} onChange={setTitle} error={errorOf('title')} />
        <Field label={t('vods.visibility')} hint={t(`vods.visibilityHint_${visibility}`)} error={errorOf('visibility')}>
          {(wiring) => (
            <select
              {...wiring}
              className="input"
              value={visibility}
              onChange={(event) => setVisibility(event.target.value as Visibility)}
            >
              {VISIBILITIES.map((one) => (
                <option key={one} value={one}>
                  {t(`vods.visibility_${one}`)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <FieldError text={errorOf(null)} />
      </form>
    </Dialog>
  );
}

export function RemoveVod({ vod, onRemoved, onClose }: { vod: Vod; onRemoved: () => void; onClose: () => void }) {
  const { t, language, clock } = useI18n();
  const api = useApi();
  const toast = useToast();
  const { submit, isBusy, errorOf } = useSubmit();
  const remove = () =>
    submit(async () => {
      await api.vods.remove(vod.public_id);
      toast({ kind: 'good', text: t('vods.removed') });
      onClose();
      onRemoved();
    });
  return (
    <ConfirmDialog
      title={t('vods.removeTitle')}
      text={t('vods.removeText', {
        title: vod.title === '' ? t('vods.untitled') : vod.title,
        time: clock(vod.duration_seconds * 1000),
        size: sizeText(vod.size_bytes, language),
      })}
      confirmLabel={t('vods.remove')}
      busy={isBusy}
      error={errorOf(null)}
      onConfirm={() => void remove()}
      onClose={onClose}
    />
  );
}
