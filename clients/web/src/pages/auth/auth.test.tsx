import { act, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Route, Routes } from 'react-router';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Layout } from '../../shell/Layout';
import { FakeServer } from '../../testing/FakeServer';
import { ANNA, renderPage, sessionOf } from '../../testing/renderPage';
import { destination } from './destination';
import LoginPage from './LoginPage';
import RegisterPage from './RegisterPage';
import { isName, isPassword } from './rules';

const LOGIN = 'POST /auth/login';
const REGISTER = 'POST /auth/register';

function renderAt(at: string, options: { language?: 'en' | 'ru'; account?: typeof ANNA } = {}) {
  return renderPage(
    <Routes>
      <Route path="/login" element={<LoginPage />} />
      <Route path="/register" element={<RegisterPage />} />
      <Route path="*" element={<p>arrived</p>} />
    </Routes>,
    { at, ...options },
  );
}

afterEach(() => vi.useRealTimers());

describe('LoginPage', () => {
  it('signs in and goes where one wanted to go', async () => {
    const server = new FakeServer().install().on(LOGIN, { body: sessionOf(ANNA) });
    const { keeper } = renderAt('/login?next=/dashboard');
    await userEvent.type(screen.getByLabelText('Name'), ' anna ');
    await userEvent.type(screen.getByLabelText('Password'), 'a good password{Enter}');
    expect(await screen.findByText('arrived')).toBeInTheDocument();
    expect(server.calls[0]?.body).toEqual({ name: 'anna', password: 'a good password' });
    expect(keeper.snapshot().account).toEqual(ANNA);
  });

  it('asks for what is missing without asking the server', async () => {
    const server = new FakeServer().install();
    renderAt('/login');
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(screen.getByLabelText('Name')).toHaveAccessibleDescription('Enter your name.');
    expect(screen.getByLabelText('Password')).toBeInvalid();
    expect(server.calls).toEqual([]);
  });

  it('says in the person’s language what was refused, and keeps what was typed', async () => {
    new FakeServer().install().refuse(LOGIN, 401, 'bad_credentials');
    renderAt('/login', { language: 'ru' });
    await userEvent.type(screen.getByLabelText('Имя'), 'anna');
    await userEvent.type(screen.getByLabelText('Пароль'), 'wrong{Enter}');
    expect(await screen.findByText('Неверное имя или пароль.')).toBeInTheDocument();
    expect(screen.getByLabelText('Имя')).toHaveValue('anna');
  });

  it('counts down while the server wants no further attempt', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    new FakeServer().install().refuse(LOGIN, 429, 'too_many_tries', { retry_after_seconds: 2.5 });
    renderAt('/login');
    const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
    await user.type(screen.getByLabelText('Name'), 'anna');
    await user.type(screen.getByLabelText('Password'), 'wrong{Enter}');
    expect(await screen.findByText('Too many attempts. Try again in 3 seconds.')).toBeInTheDocument();
    expect(screen.getByRole('button', { name: /Wait \d seconds/ })).toBeDisabled();
    for (let second = 0; second < 3; second += 1) await act(() => vi.advanceTimersByTimeAsync(1000));
    expect(screen.getByRole('button', { name: 'Sign in' })).toBeEnabled();
  });

  it('shows the password when asked', async () => {
    new FakeServer().install();
    renderAt('/login');
    const field = screen.getByLabelText('Password');
    expect(field).toHaveAttribute('type', 'password');
    await userEvent.click(screen.getByRole('button', { name: 'Show password' }));
    expect(field).toHaveAttribute('type', 'text');
  });
});

describe('RegisterPage', () => {
  it('puts a refusal at its field', async () => {
    new FakeServer()
      .install()
      .on('GET /auth/registration', { body: { open: true } })
      .refuse(REGISTER, 409, 'name_taken', { field: 'name' });
    renderAt('/register');
    await userEvent.type(screen.getByLabelText('Name'), 'anna');
    await userEvent.type(screen.getByLabelText('Password'), 'a good password{Enter}');
    await vi.waitFor(() => {
      expect(screen.getByLabelText('Name')).toHaveAccessibleDescription(/This name is taken/);
    });
  });

  it('says the rules before the server has to', async () => {
    const server = new FakeServer().install().on('GET /auth/registration', { body: { open: true } });
    renderAt('/register');
    await userEvent.type(screen.getByLabelText('Name'), 'a b');
    await userEvent.type(screen.getByLabelText('Password'), 'short{Enter}');
    expect(screen.getByLabelText('Name')).toBeInvalid();
    expect(screen.getByLabelText('Password')).toBeInvalid();
    expect(server.callsOf(REGISTER)).toEqual([]);
  });

  it('says so where registration is closed', async () => {
    new FakeServer().install().on('GET /auth/registration', { body: { open: false } });
    renderAt('/register');
    expect(await screen.findByText('Registration is closed')).toBeInTheDocument();
  });
});

describe('a password that somebody else set', () => {
  it('must be changed before any page is shown', async () => {
    const server = new FakeServer().install().on('PUT /account/password', { body: sessionOf(ANNA, 'token-2') });
    renderPage(
      <Routes>
        <Route element={<Layout />}>
          <Route path="*" element={<p>arrived</p>} />
        </Route>
      </Routes>,
      { account: { ...ANNA, must_change_password: true } },
    );
    await userEvent.type(await screen.findByLabelText('One-time password'), 'given');
    expect(screen.queryByText('arrived')).not.toBeInTheDocument();
    await userEvent.type(screen.getByLabelText('New password'), 'my own words');
    await userEvent.type(screen.getByLabelText('New password again'), 'my own word{Enter}');
    expect(screen.getByText('The two passwords differ.')).toBeInTheDocument();
    await userEvent.type(screen.getByLabelText('New password again'), 's{Enter}');
    expect(await screen.findByText('arrived')).toBeInTheDocument();
    expect(server.calls[0]?.body).toEqual({ old_password: 'given', new_password: 'my own words' });
  });
});

describe('destination', () => {
  it('leads within the site only', () => {
    expect(['/dashboard', '/anna?x=1'].map(destination)).toEqual(['/dashboard', '/anna?x=1']);
    const strange = [null, '', 'https://evil.example', '//evil.example', '/\\evil.example', '/login?next=/login'];
    expect(strange.map(destination)).toEqual(['/', '/', '/', '/', '/', '/']);
  });
});

describe('the rules of names and passwords', () => {
  it('are the server’s', () => {
    expect(['abc', 'A_9'.repeat(8)].map(isName)).toEqual([true, true]);
    expect(['ab', 'a b', 'анна', 'a'.repeat(26)].map(isName)).toEqual([false, false, false, false]);
    expect(['12345678', '😀'.repeat(8), 'x'.repeat(200)].map(isPassword)).toEqual([true, true, true]);
    expect(['1234567', '😀'.repeat(4), 'x'.repeat(201)].map(isPassword)).toEqual([false, false, false]);
  });
});
