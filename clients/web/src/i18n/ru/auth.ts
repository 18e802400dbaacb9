import type { Translated } from '../catalogue';
import type { auth as en } from '../en/auth';

export const auth: Translated<typeof en> = {
  closedText: 'Аккаунты создаёт владелец сайта. Смотреть эфиры и читать чат можно и без аккаунта.',
  closedTitle: 'Регистрация закрыта',
  confirmMismatch: 'Пароли не совпадают.',
  forcedText: 'Этот пароль задали не вы. Придумайте свой, и можно будет продолжить.',
  forcedTitle: 'Придумайте новый пароль',
  haveAccount: 'Уже есть аккаунт?',
  name: 'Имя',
  nameHint: 'От 3 до 25 латинских букв, цифр или _. Это и адрес вашего канала.',
  nameRequired: 'Введите имя.',
  newPassword: 'Новый пароль',
  noAccount: 'Впервые здесь?',
  oneTimePassword: 'Одноразовый пароль',
  password: 'Пароль',
  passwordHint: 'От 8 символов. Несколько слов легко запомнить.',
  passwordRequired: 'Введите пароль.',
  register: 'Создать аккаунт',
  registerTitle: 'Новый аккаунт',
  repeatPassword: 'Новый пароль ещё раз',
  signInTitle: 'Вход',
  waitSeconds: {
    one: 'Подождите {count} секунду',
    few: 'Подождите {count} секунды',
    many: 'Подождите {count} секунд',
    other: 'Подождите {count} секунды',
  },
};
