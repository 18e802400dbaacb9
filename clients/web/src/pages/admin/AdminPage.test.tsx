import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { AccountRow } from '../../api/types';
import { FakeServer } from '../../testing/FakeServer';
import { ANNA, renderPage } from '../../testing/renderPage';
import AdminPage from './AdminPage';

const ADMIN = { ...ANNA, site_role: 'admin' } as const;
const STAFF = { ...ANNA, site_role: 'staff' } as const;
const BOB: AccountRow = { id: 8, name: 'bob', site_role: 'user', created_ms: 1, disabled: false };
const SELF: AccountRow = { id: 7, name: 'Anna', site_role: 'admin', created_ms: 1, disabled: false };

function serve(): FakeServer {
  return new FakeServer()
    .install()
    .on('GET /admin/settings', { body: { registration_open: true } })
    .on('GET /admin/broadcasts', {
      body: {
        broadcasts: [{ public_id: 'b1', channel: 'bob', state: 'live', title: 'Hi', since_ms: Date.now(), viewers: 2 }],
      },
    })
    .on('GET /admin/accounts', { body: { accounts: [SELF, BOB], next: null } });
}

describe('AdminPage', () => {
  it('is closed to everybody else, and asks the server nothing', () => {
    const server = new FakeServer().install();
    renderPage(<AdminPage />, { account: ANNA });
    expect(screen.getByText('This page is for staff')).toBeInTheDocument();
    expect(server.calls).toEqual([]);
  });

  it('opens and closes registration, for admins alone', async () => {
    const server = serve().on('PATCH /admin/settings', { body: { registration_open: false } });
    const first = renderPage(<AdminPage />, { account: ADMIN });
    await userEvent.click(await screen.findByRole('switch', { name: 'Anybody may register' }));
    expect(await screen.findByText('Registration is closed now.')).toBeInTheDocument();
    expect(server.callsOf('PATCH /admin/settings')[0]?.body).toEqual({ registration_open: false });
    expect(screen.getByRole('switch')).not.toBeChecked();
    first.unmount();
    renderPage(<AdminPage />, { account: STAFF });
    expect(screen.queryByRole('switch')).not.toBeInTheDocument();
  });

  it('stops a broadcast after asking', async () => {
    const server = serve().on('POST /admin/broadcasts/b1/stop', {});
    renderPage(<AdminPage />, { account: STAFF });
    await userEvent.click(await screen.findByRole('button', { name: 'Stop the broadcast of bob' }));
    await userEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Stop' }));
    expect(await screen.findByText('The broadcast of bob is stopped.')).toBeInTheDocument();
    expect(server.callsOf('POST /admin/broadcasts/b1/stop')).toHaveLength(1);
  });

  it('disables an account after asking, never one’s own', async () => {
    serve().on('PATCH /admin/accounts/8', { body: { ...BOB, disabled: true } });
    renderPage(<AdminPage />, { account: ADMIN });
    const buttons = await screen.findAllByRole('button', { name: 'Disable' });
    expect(buttons).toHaveLength(1);
    await userEvent.click(buttons[0] as HTMLElement);
    await userEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Disable' }));
    expect(await screen.findByText('Disabled')).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Enable' })).toBeInTheDocument();
  });

  it('gives a role, and says why not when the server refuses', async () => {
    const server = serve().refuse('PATCH /admin/accounts/8', 409, 'last_admin');
    renderPage(<AdminPage />, { account: ADMIN });
    await userEvent.selectOptions(await screen.findByLabelText('Role of bob'), 'Staff');
    expect(await screen.findByText(/only administrator/)).toBeInTheDocument();
    expect(server.callsOf('PATCH /admin/accounts/8')[0]?.body).toEqual({ site_role: 'staff' });
  });

  it('searches after a pause in the typing, once', async () => {
    const server = serve().on('GET /admin/accounts?query=bob', { body: { accounts: [BOB], next: null } });
    renderPage(<AdminPage />, { account: ADMIN });
    await screen.findByText('Anna');
    await userEvent.type(screen.getByLabelText('Search by name'), 'bob');
    await screen.findByLabelText('Role of bob');
    expect(screen.queryByText('Anna')).not.toBeInTheDocument();
    expect(server.calls.filter((call) => call.path.includes('query='))).toHaveLength(1);
  });
});
