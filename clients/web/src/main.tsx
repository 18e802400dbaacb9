import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { App } from './App';
import { ApiContext } from './api/context';
import { openDoors } from './api/doors';
import { Http } from './api/http';
import { ToastProvider } from './components/ToastProvider';
import { I18nProvider } from './i18n/I18nProvider';
import { SessionContext } from './session/context';
import { SessionKeeper } from './session/keeper';
import './styles/tokens.css';
import './styles/base.css';

const http = new Http();
const api = openDoors(http);
const keeper = new SessionKeeper(api.auth);
http.tokens = keeper;
keeper.start();

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <I18nProvider>
      <ApiContext value={api}>
        <SessionContext value={keeper}>
          <ToastProvider>
            <BrowserRouter>
              <App />
            </BrowserRouter>
          </ToastProvider>
        </SessionContext>
      </ApiContext>
    </I18nProvider>
  </StrictMode>,
);
