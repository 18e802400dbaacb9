import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import type { SignedInDevice } from '../../api/types';
import { FakeServer } from '../../testing/FakeServer';
import { ANNA, renderPage } from '../../testing/renderPage';
import { deviceName } from './deviceName';
import SettingsPage from './SettingsPage';

const HERE: SignedInDevice = {
  id: 'a',
  created_ms: 1,
  last_used_ms: Date.now(),
  user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0',
  address: '127.0.0.1',
  current: true,
};
const PHONE: SignedInDevice = { ...HERE, id: 'b', user_agent: 'curl/8', address: '10.0.0.2', current: false };

function serve(): FakeServer {
  return new FakeServer().install().on('GET /account/sessions', { body: { sessions: [HERE, PHONE] } });
}

describe('SettingsPage', () => {
  it('signs out another device, not this one', async () => {
    const server = serve().on('DELETE /account/sessions/b', {});
    renderPage(<SettingsPage />, { account: ANNA });
    expect(await screen.findByText('This device')).toBeInTheDocument();
    const buttons = screen.getAllByRole('button', { name: /^Sign out Unknown|^Sign out Firefox/ });
    expect(buttons).toHaveLength(1);
    await userEvent.click(buttons[0] as HTMLElement);
    expect(await screen.findByText('That device is signed out.')).toBeInTheDocument();
    expect(screen.queryByText(/10\.0\.0\.2/)).not.toBeInTheDocument();
    expect(server.callsOf('DELETE /account/sessions/b')).toHaveLength(1);
  });

  it('signs out everywhere after asking, this device too', async () => {
    serve().on('POST /account/sign-out-everywhere', {});
    const { keeper } = renderPage(<SettingsPage />, { account: ANNA });
    await userEvent.click(await screen.findByRole('button', { name: 'Sign out everywhere' }));
    const dialog = screen.getByRole('dialog');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Sign out everywhere' }));
    await vi.waitFor(() => expect(keeper.snapshot().status).toBe('signedOut'));
  });

  it('deletes the account only with its password', async () => {
    const server = serve().refuse('DELETE /account', 403, 'wrong_password', { field: 'password' });
    const { keeper } = renderPage(<SettingsPage />, { account: ANNA });
    await userEvent.click(await screen.findByRole('button', { name: 'Delete account…' }));
    const dialog = screen.getByRole('dialog', { name: 'Delete the account' });
    const sure = within(dialog).getByRole('button', { name: 'Delete my account for ever' });
    expect(sure).toBeDisabled();
    await userEvent.type(within(dialog).getByLabelText('Password'), 'wrong{Enter}');
    expect(await within(dialog).findByText('The password is wrong.')).toBeInTheDocument();
    expect(keeper.snapshot().status).toBe('signedIn');
    server.on('DELETE /account', {});
    await userEvent.click(sure);
    await vi.waitFor(() => expect(keeper.snapshot().status).toBe('signedOut'));
  });

  it('changes the language at once and remembers it', async () => {
    serve();
    renderPage(<SettingsPage />, { account: ANNA });
    await userEvent.selectOptions(await screen.findByLabelText('Language'), 'Русский');
    expect(screen.getByRole('heading', { name: 'Настройки' })).toBeInTheDocument();
    expect(document.documentElement.lang).toBe('ru');
    expect(localStorage.getItem('leams.language')).toBe('ru');
  });

  it('changes the theme at once and remembers it', async () => {
    serve();
    renderPage(<SettingsPage />, { account: ANNA });
    await userEvent.selectOptions(await screen.findByLabelText('Theme'), 'Light');
    expect(document.documentElement.dataset['theme']).toBe('light');
    expect(localStorage.getItem('leams.theme')).toBe('light');
    await userEvent.selectOptions(screen.getByLabelText('Theme'), 'As the system');
    expect(document.documentElement.dataset['theme']).toBeUndefined();
  });
});

describe('deviceName', () => {
  it('reads browser and system, and says nothing of strangers', () => {
    expect(deviceName(HERE.user_agent)).toBe('Firefox, Linux');
    expect(deviceName('Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0')).toBe('Edge, Windows');
    expect(deviceName('Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1')).toBe('Safari, iOS');
    expect(deviceName('curl/8')).toBeNull();
  });
});
