import { admin } from './admin';
import { auth } from './auth';
import { chat } from './chat';
import { dashboard } from './dashboard';
import { errors } from './errors';
import { home } from './home';
import { settings } from './settings';
import { shell } from './shell';
import { vods } from './vods';
import { watch } from './watch';

export const catalogue = { admin, auth, chat, dashboard, errors, home, settings, shell, vods, watch };
