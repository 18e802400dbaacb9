import { useI18n } from '../../i18n/context';
import { LANGUAGES, type Language } from '../../i18n/languages';
import { setTheme, useTheme, type Theme } from '../../preferences/theme';
import { SignedInOnly } from '../../shell/SignedInOnly';
import { useTitle } from '../../shell/useTitle';
import { PasswordForm } from '../auth/PasswordForm';
import { DeleteAccount } from './DeleteAccount';
import { SessionList } from './SessionList';
import './settings.css';

export default function SettingsPage() {
  const { t, day } = useI18n();
  useTitle(t('settings.title'));
  return (
    <SignedInOnly>
      {(account) => (
        <div className="page page-narrow stack">
          <h1>{t('settings.title')}</h1>
          <p className="muted settings-who">
            {account.display_name} · {t('settings.accountSince', { date: day(account.created_ms) })}
          </p>
          <Look />
          <section className="panel">
            <h2>{t('settings.password')}</h2>
            <p className="muted">{t('settings.passwordText')}</p>
            <PasswordForm oldLabel={t('settings.currentPassword')} />
          </section>
          <SessionList />
          <DeleteAccount />
        </div>
      )}
    </SignedInOnly>
  );
}

const THEMES = { system: 'shell.themeSystem', dark: 'shell.themeDark', light: 'shell.themeLight' } as const;

function Look() {
  const { t, language, setLanguage } = useI18n();
  const theme = useTheme();
  return (
    <section className="panel">
      <h2>{t('settings.look')}</h2>
      <div className="settings-look">
        <Choice
          label={t('shell.language')}
          value={language}
          choices={LANGUAGES}
          onChoose={(code) => setLanguage(code as Language)}
        />
        <Choice
          label={t('shell.theme')}
          value={theme}
          choices={Object.fromEntries(Object.entries(THEMES).map(([name, key]) => [name, t(key)]))}
          onChoose={(name) => setTheme(name as Theme)}
        />
      </div>
    </section>
  );
}

function Choice({
  label,
  value,
  choices,
  onChoose,
}: {
  label: string;
  value: string;
  choices: Readonly<Record<string, string>>;
  onChoose: (value: string) => void;
}) {
  return (
    <label className="choice">
      <span>{label}</span>
      <select className="input" value={value} onChange={(event) => onChoose(event.target.value)}>
        {Object.entries(choices).map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
