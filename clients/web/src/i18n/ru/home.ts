import type { Translated } from '../catalogue';
import type { home as en } from '../en/home';

export const home: Translated<typeof en> = {
  emptyGuest: 'Войдите, чтобы получить свой канал, и начните трансляцию из OBS. Она появится здесь через несколько секунд.',
  emptyMember: 'Начните первым: создайте ключ трансляции на панели стримера, вставьте его в OBS и запустите эфир.',
  emptyRegister: 'Создать аккаунт',
  emptyTitle: 'Сейчас никто не в эфире',
  followed: 'Вы подписаны',
  goLive: 'Начать эфир',
  interrupted: 'Связь потеряна',
  live: 'В ЭФИРЕ',
  noMatchText: 'Поиск идёт по каналу, названию и категории тех, кто в эфире.',
  noMatchTitle: 'По запросу «{query}» никого в эфире нет',
  others: 'Другие эфиры',
  showAll: 'Показать все',
  starting: 'Начинается',
  stale: 'Не удалось обновить список. {reason}',
  title: 'Сейчас в эфире',
  unreachable: 'Не удалось загрузить список',
  untitled: 'Эфир без названия',
  uptime: 'В эфире {span}',
  viewers: { one: '{count} зритель', few: '{count} зрителя', many: '{count} зрителей', other: '{count} зрителя' },
};
