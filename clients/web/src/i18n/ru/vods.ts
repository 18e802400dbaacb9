import type { Translated } from '../catalogue';
import type { vods as en } from '../en/vods';

export const vods: Translated<typeof en> = {
  again: 'Смотреть ещё раз',
  edit: 'Изменить',
  failed: 'Запись не воспроизводится',
  loadFailed: 'Запись не загрузилась',
  loading: 'Загружаем запись…',
  more: 'Показать ещё',
  past: 'Прошлые эфиры',
  preparing: 'готовится',
  preparingTitle: 'Запись готовится…',
  remove: 'Удалить',
  removed: 'Запись удалена.',
  removeText: '«{title}» ({time}, {size}) удалится для всех, вернуть её нельзя.',
  removeTitle: 'Удалить запись?',
  saved: 'Сохранено.',
  title: 'Название',
  untitled: 'Эфир без названия',
  visibility: 'Кто может смотреть',
  visibility_private: 'Только я',
  visibility_public: 'Все',
  visibility_unlisted: 'По ссылке',
  visibilityHint_private: 'Только вы.',
  visibilityHint_public: 'Все; запись видна на вашем канале.',
  visibilityHint_unlisted: 'Все, у кого есть ссылка; в списках записи нет.',
};
