import { useId, useState, type InputHTMLAttributes, type ReactNode, type TextareaHTMLAttributes } from 'react';
import { useI18n } from '../i18n/context';
import { Button } from './Button';
import './field.css';

interface Surroundings {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
}

interface Wiring {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': true | undefined;
}

/** A label, a control, then its hint and its error, wired for screen readers. */
export function Field({ label, hint, error, children }: Surroundings & { children: (wiring: Wiring) => ReactNode }) {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': described || undefined, 'aria-invalid': error ? true : undefined })}
      {hint && (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <FieldError text={error} id={`${id}-error`} />
    </div>
  );
}

/** Why something was refused, where it was asked for; nothing while it was not. */
export function FieldError({ text, id }: { text: string | null | undefined; id?: string }) {
  if (!text) return null;
  return (
    <p className="field-error" id={id} role="alert">
      {text}
    </p>
  );
}

type Typed<Attributes> = Omit<Attributes, 'onChange' | 'value'> & { value: string; onChange: (value: string) => void };

export type TextFieldProps = Surroundings & Typed<InputHTMLAttributes<HTMLInputElement>>;

export function TextField({ label, hint, error, onChange, ...input }: TextFieldProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => (
        <input className="input" {...input} {...wiring} onChange={(event) => onChange(event.target.value)} />
      )}
    </Field>
  );
}

export type TextAreaProps = Surroundings & Typed<TextareaHTMLAttributes<HTMLTextAreaElement>>;

export function TextArea({ label, hint, error, onChange, ...area }: TextAreaProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => (
        <textarea
          className="input"
          rows={3}
          {...area}
          {...wiring}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** A password with a button that shows it. */
export function PasswordField({ label, hint, error, onChange, ...input }: TextFieldProps) {
  const { t } = useI18n();
  const [isShown, setShown] = useState(false);
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => (
        <div className="password">
          <input
            className="input"
            spellCheck={false}
            autoCapitalize="none"
            {...input}
            {...wiring}
            type={isShown ? 'text' : 'password'}
            onChange={(event) => onChange(event.target.value)}
          />
          <Button
            variant="quiet"
            size="s"
            icon={isShown ? 'eyeOff' : 'eye'}
            aria-label={t(isShown ? 'shell.hidePassword' : 'shell.showPassword')}
            aria-pressed={isShown}
            onClick={() => setShown(!isShown)}
          />
        </div>
      )}
    </Field>
  );
}

/** On or off, at once; its hint stands below. */
export function Switch({
  label,
  hint,
  isOn,
  disabled,
  onChange,
}: {
  label: string;
  hint?: string;
  isOn: boolean;
  disabled?: boolean;
  onChange: (isOn: boolean) => void;
}) {
  const button = (
    <button
      type="button"
      role="switch"
      className="switch"
      aria-checked={isOn}
      disabled={disabled}
      onClick={() => onChange(!isOn)}
    >
      <span className="switch-track" aria-hidden="true" />
      {label}
    </button>
  );
  if (hint === undefined) return button;
  return (
    <div>
      {button}
      <p className="field-hint">{hint}</p>
    </div>
  );
}
