import { useRef, useState } from 'react';
import { useI18n } from '../i18n/context';
import { Button } from './Button';
import { Field } from './Field';
import { useToast } from './toasts';
import './copy-field.css';

/** A text to carry elsewhere.  A secret is dots until asked, and copying needs no look at it. */
export function CopyField({
  label,
  value,
  copyLabel,
  isSecret = false,
}: {
  label: string;
  value: string;
  copyLabel: string;
  isSecret?: boolean;
}) {
  const { t } = useI18n();
  const toast = useToast();
  const field = useRef<HTMLInputElement>(null);
  const [isShown, setShown] = useState(!isSecret);
  const copy = async () => {
    const isCopied = await copyText(value, field.current);
    if (isCopied) toast({ kind: 'good', text: t('shell.copied') });
    else toast({ kind: 'bad', text: t('shell.copyFailed') });
  };
  return (
    <Field label={label}>
      {(wiring) => (
        <div className="copy-field">
          <input
            className={isShown ? 'input mono' : 'input mono concealed'}
            ref={field}
            type="text"
            autoComplete="off"
            spellCheck={false}
            readOnly
            value={value}
            onFocus={(event) => event.target.select()}
            {...wiring}
          />
          {isSecret && (
            <Button
              icon={isShown ? 'eyeOff' : 'eye'}
              aria-label={t(isShown ? 'shell.hidePassword' : 'shell.showPassword')}
              onClick={() => setShown(!isShown)}
            />
          )}
          <Button icon="copy" aria-label={copyLabel} title={copyLabel} onClick={() => void copy()} />
        </div>
      )}
    </Field>
  );
}

/** The clipboard of the browser exists in secure contexts only; on plain http the selected field is copied. */
async function copyText(text: string, field: HTMLInputElement | null): Promise<boolean> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  try {
    if (clipboard !== undefined) {
      await clipboard.writeText(text);
      return true;
    }
  } catch {
    // refused by the browser: the old way may still work
  }
  if (field === null) return false;
  field.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way without a secure context
  return document.execCommand('copy');
}
