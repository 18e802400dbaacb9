import { act, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Header } from '../../shell/Header';
import { card } from '../../testing/cards';
import { FakeServer } from '../../testing/FakeServer';
import { ANNA, renderPage } from '../../testing/renderPage';
import { HomePage } from './HomePage';

const LIVE = 'GET /channels?live=1';

afterEach(() => vi.useRealTimers());

describe('HomePage', () => {
  it('shows followed channels apart and first, each as one link', async () => {
    new FakeServer().install().on(LIVE, {
      body: { channels: [card('marta', { followed: true, title: 'Synths' }), card('oleg', { title: '' })] },
    });
    renderPage(<HomePage />, { account: ANNA });
    const link = await screen.findByRole('link', { name: 'Synths' });
    expect(link).toHaveAttribute('href', '/marta');
    expect(screen.getAllByRole('heading', { level: 2 }).map((one) => one.textContent)).toEqual([
      'Following',
      'More live channels',
    ]);
    expect(screen.getByRole('link', { name: 'Untitled broadcast' })).toHaveAttribute('href', '/oleg');
    const [first] = screen.getAllByRole('listitem');
    expect(within(first as HTMLElement).getByText('3 viewers')).toBeInTheDocument();
    expect(within(first as HTMLElement).getByText(/^1:02:0/)).toBeInTheDocument();
  });

  it('tells a guest how to go live when nobody is', async () => {
    new FakeServer().install().on(LIVE, { body: { channels: [] } });
    renderPage(<HomePage />);
    expect(await screen.findByText('Nobody is live right now')).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Create an account' })).toHaveAttribute('href', '/register');
  });

  it('sends a member to the dashboard when nobody is live', async () => {
    new FakeServer().install().on(LIVE, { body: { channels: [] } });
    renderPage(<HomePage />, { account: ANNA });
    expect(await screen.findByRole('link', { name: 'Go live' })).toHaveAttribute('href', '/dashboard');
  });

  it('filters while typing, after the key /, and says when nothing matches', async () => {
    new FakeServer().install().on(LIVE, { body: { channels: [card('marta'), card('oleg')] } });
    renderPage(
      <>
        <Header />
        <HomePage />
      </>,
    );
    await screen.findByRole('link', { name: 'marta live' });
    await userEvent.keyboard('/');
    const field = screen.getByRole('searchbox');
    expect(field).toHaveFocus();
    await userEvent.keyboard('oleg');
    expect(screen.queryByRole('link', { name: 'marta live' })).not.toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'oleg live' })).toBeInTheDocument();
    await userEvent.type(field, 'zzz');
    expect(screen.getByText('No live channel matches “olegzzz”')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Show all' }));
    expect(screen.getByRole('link', { name: 'marta live' })).toBeInTheDocument();
  });

  it('keeps the last list and says why it could not be renewed, then recovers by itself', async () => {
    vi.useFakeTimers();
    const server = new FakeServer().install().on(LIVE, { body: { channels: [card('marta')] } });
    renderPage(<HomePage />);
    await act(() => vi.advanceTimersByTimeAsync(10));
    expect(screen.getByRole('link', { name: 'marta live' })).toBeInTheDocument();
    server.refuse(LIVE, 503, 'unavailable');
    await act(() => vi.advanceTimersByTimeAsync(10_000));
    expect(screen.getByText(/could not be renewed/)).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'marta live' })).toBeInTheDocument();
    server.on(LIVE, { body: { channels: [card('oleg')] } });
    await act(() => vi.advanceTimersByTimeAsync(12_000));
    expect(screen.getByRole('link', { name: 'oleg live' })).toBeInTheDocument();
    expect(screen.queryByText(/could not be renewed/)).not.toBeInTheDocument();
  });

  it('offers to try again when nothing could be loaded', async () => {
    const server = new FakeServer().install();
    renderPage(<HomePage />);
    expect(await screen.findByRole('alert')).toHaveTextContent('No answer from the server');
    server.on(LIVE, { body: { channels: [card('marta')] } });
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('link', { name: 'marta live' })).toBeInTheDocument();
  });
});
