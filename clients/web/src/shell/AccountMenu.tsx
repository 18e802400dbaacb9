import { useNavigate } from 'react-router';
import { Icon } from '../components/Icon';
import { Menu, type MenuEntry } from '../components/Menu';
import { useToast } from '../components/toasts';
import { useI18n } from '../i18n/context';
import { useErrorText } from '../i18n/errorText';
import { LANGUAGES, type Language } from '../i18n/languages';
import { setTheme, useTheme, type Theme } from '../preferences/theme';
import { useSession } from '../session/context';

const THEMES: readonly Theme[] = ['system', 'dark', 'light'];
const THEME_NAMES = { system: 'shell.themeSystem', dark: 'shell.themeDark', light: 'shell.themeLight' } as const;

/** One's own pages, and what guests may choose too: theme and language. */
export function AccountMenu() {
  const { t, language, setLanguage } = useI18n();
  const session = useSession();
  const theme = useTheme();
  const navigate = useNavigate();
  const toast = useToast();
  const errorText = useErrorText();

  const signOut = async () => {
    try {
      await session.signOut();
      await navigate('/');
    } catch (error) {
      toast({ kind: 'bad', text: errorText(error) });
    }
  };

  const account = session.account;
  const own: MenuEntry[] =
    account === null
      ? []
      : [
          { kind: 'link', label: t('shell.myChannel'), icon: 'user', to: `/${account.channel}` },
          { kind: 'link', label: t('shell.dashboard'), icon: 'dashboard', to: '/dashboard' },
          { kind: 'link', label: t('shell.settings'), icon: 'settings', to: '/settings' },
        ];
  if (account !== null && account.site_role !== 'user') {
    own.push({ kind: 'link', label: t('shell.admin'), icon: 'shield', to: '/settings/site' });
  }
  const leave: MenuEntry[] =
    account === null ? [] : [{ kind: 'action', label: t('shell.signOut'), icon: 'signOut', onSelect: () => void signOut() }];
  const entries: MenuEntry[] = [
    ...own,
    ...leave,
    { kind: 'heading', label: t('shell.theme') },
    ...THEMES.map<MenuEntry>((name) => ({
      kind: 'choice',
      label: t(THEME_NAMES[name]),
      isChosen: theme === name,
      onSelect: () => setTheme(name),
    })),
    { kind: 'heading', label: t('shell.language') },
    ...Object.entries(LANGUAGES).map<MenuEntry>(([code, name]) => ({
      kind: 'choice',
      label: name,
      isChosen: code === language,
      onSelect: () => setLanguage(code as Language),
    })),
  ];
  return account === null ? (
    <Menu label={t('shell.menu')} trigger={<Icon name="menu" />} entries={entries} />
  ) : (
    <Menu
      label={t('shell.accountMenu', { name: account.display_name })}
      trigger={
        <span className="account-initial" aria-hidden="true">
          {account.display_name.slice(0, 1).toUpperCase()}
        </span>
      }
      entries={entries}
    />
  );
}
