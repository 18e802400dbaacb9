import { act, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Link, Route, Routes } from 'react-router';
import { describe, expect, it, vi } from 'vitest';
import { NotFoundPage } from '../pages/NotFoundPage';
import { FakeServer } from '../testing/FakeServer';
import { ANNA, renderPage } from '../testing/renderPage';
import { Layout } from './Layout';

function renderSite(options: { account?: typeof ANNA } = {}) {
  return renderPage(
    <Routes>
      <Route element={<Layout />}>
        <Route path="/" element={<Link to="/away">go away</Link>} />
        <Route path="/broken" element={<Broken />} />
        <Route path="*" element={<NotFoundPage />} />
      </Route>
    </Routes>,
    options,
  );
}

function Broken(): never {
  throw new Error('a fault of the page');
}

describe('the shell', () => {
  it('moves the focus to the page and names the document after a navigation', async () => {
    renderSite();
    await userEvent.click(screen.getByRole('link', { name: 'go away' }));
    expect(screen.getByRole('main')).toHaveFocus();
    expect(document.title).toBe('There is no such page · Leams');
  });

  it('offers guests the sign-in, and to skip to the content first of all', async () => {
    renderSite();
    expect(screen.getByRole('link', { name: 'Sign in' })).toHaveAttribute('href', '/login?next=%2F');
    await userEvent.tab();
    expect(screen.getByRole('link', { name: 'Skip to the content' })).toHaveFocus();
  });

  it('shows administration to staff alone, and signs out', async () => {
    new FakeServer().install().on('POST /auth/logout', {});
    const { keeper } = renderSite({ account: ANNA });
    await userEvent.click(screen.getByRole('button', { name: 'Account menu of Anna' }));
    expect(screen.getByRole('menuitem', { name: 'My channel' })).toHaveAttribute('href', '/anna');
    expect(screen.queryByRole('menuitem', { name: 'Administration' })).not.toBeInTheDocument();
    await userEvent.click(screen.getByRole('menuitem', { name: 'Sign out' }));
    await vi.waitFor(() => expect(keeper.snapshot().status).toBe('signedOut'));
  });

  it('says when the network is gone', () => {
    const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
    renderSite();
    expect(screen.getByText(/No connection/)).toBeInTheDocument();
    online.mockReturnValue(true);
    act(() => void window.dispatchEvent(new Event('online')));
    expect(screen.queryByText(/No connection/)).not.toBeInTheDocument();
  });

  it('keeps the header when a page breaks, with words and a way on', () => {
    vi.spyOn(console, 'error').mockReturnValue(undefined);
    renderPage(
      <Routes>
        <Route element={<Layout />}>
          <Route path="*" element={<Broken />} />
        </Route>
      </Routes>,
    );
    expect(screen.getByText('The page stopped working')).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Leams, home page' })).toBeInTheDocument();
  });
});
