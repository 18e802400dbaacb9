import { Icon } from '../components/Icon';
import { Menu, type MenuEntry } from '../components/Menu';
import { useI18n } from '../i18n/context';
import { changeChatPreferences, useChatPreferences } from './preferences';

const SIZES = [
  ['s', 'chat.fontSizeSmall'],
  ['m', 'chat.fontSizeMedium'],
  ['l', 'chat.fontSizeLarge'],
] as const;

export function SettingsMenu() {
  const { t } = useI18n();
  const { fontSize, timestamps } = useChatPreferences();
  const entries: MenuEntry[] = [
    {
      kind: 'choice',
      label: t('chat.timestamps'),
      isChosen: timestamps,
      onSelect: () => changeChatPreferences({ timestamps: !timestamps }),
    },
    { kind: 'heading', label: t('chat.fontSize') },
    ...SIZES.map<MenuEntry>(([size, key]) => ({
      kind: 'choice',
      label: t(key),
      isChosen: fontSize === size,
      onSelect: () => changeChatPreferences({ fontSize: size }),
    })),
  ];
  return <Menu label={t('chat.settings')} trigger={<Icon name="settings" size={18} />} entries={entries} />;
}
