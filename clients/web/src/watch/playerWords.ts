import { addTranslation } from 'media-chrome/dist/utils/i18n.js';

/** media-chrome's own words for the controls that we use; it has no Russian. */
const RUSSIAN: Readonly<Record<string, string>> = {
  Play: 'Смотреть',
  Pause: 'Пауза',
  Mute: 'Выключить звук',
  Unmute: 'Включить звук',
  'Enter fullscreen mode': 'Во весь экран',
  'Exit fullscreen mode': 'Выйти из полного экрана',
  'Enter picture in picture mode': 'Картинка в картинке',
  'Exit picture in picture mode': 'Закрыть картинку в картинке',
  'video player': 'видеоплеер',
  volume: 'громкость',
  play: 'смотреть',
  pause: 'пауза',
  mute: 'выключить звук',
  unmute: 'включить звук',
  'enter fullscreen mode': 'во весь экран',
  'exit fullscreen mode': 'выйти из полного экрана',
  'enter picture in picture mode': 'картинка в картинке',
  'exit picture in picture mode': 'закрыть картинку в картинке',
};

addTranslation('ru', RUSSIAN);
