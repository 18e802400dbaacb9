import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { renderPage } from '../testing/renderPage';
import type { Author, Pinned, Role } from './events';
import { LineRow } from './LineRow';
import { PinnedBar } from './PinnedBar';

const BORIS: Author = { id: 8, name: 'Boris', role: 'moderator' };
const OLGA: Author = { id: 1, name: 'Olga', role: 'owner' };
const PINNED: Pinned = { t: 'pinned', at_ms: 5, by: BORIS, message: { id: 'm', at_ms: 1, author: OLGA, text: 'be kind' } };

const readerOf = (role: Role, onSay = vi.fn()) => ({ me: { ...BORIS, role }, role, onAuthor: vi.fn(), onSay });

describe('what is pinned', () => {
  it('says what, by whom, and is folded away and back', async () => {
    renderPage(<PinnedBar pinned={PINNED} reader={readerOf('member')} />);
    expect(screen.getByRole('region', { name: 'Pinned message' })).toHaveTextContent('Pinned by Boris');
    expect(screen.getByText(/be kind/)).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Fold the pinned message' }));
    expect(screen.getByText(/be kind/)).not.toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Show the pinned message', expanded: false }));
    expect(screen.getByText(/be kind/)).toBeVisible();
    expect(screen.queryByRole('button', { name: /Take it down/ })).toBeNull();
  });

  it('is taken down by moderators, in either language', async () => {
    const onSay = vi.fn();
    renderPage(<PinnedBar pinned={PINNED} reader={readerOf('moderator', onSay)} />, { language: 'ru' });
    expect(screen.getByText('Закрепляет Boris')).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Открепить для всех' }));
    expect(onSay).toHaveBeenCalledWith('/unpin');
  });
});

describe('an announcement', () => {
  const line = { kind: 'message', key: 'k', id: 'm1', at_ms: 1, author: OLGA, text: 'hear', me: false, colour: 'blue', removed: 'no' } as const;

  it('says that it is one, and is pinned by moderators though its author is above them', async () => {
    const onSay = vi.fn();
    renderPage(<LineRow line={line} reader={readerOf('moderator', onSay)} />);
    expect(screen.getByText('Announcement')).toBeVisible();
    await userEvent.hover(screen.getByText(/hear/));
    expect(screen.queryByRole('button', { name: 'Delete this message' })).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: 'Pin this message' }));
    expect(onSay).toHaveBeenCalledWith('/pin m1');
  });

  it('leaves nothing but its author when it is removed', () => {
    renderPage(<LineRow line={{ ...line, text: '', removed: 'deleted' }} reader={readerOf('member')} />);
    expect(screen.queryByText('Announcement')).toBeNull();
    expect(screen.getByText(/deleted by a moderator/)).toBeVisible();
  });
});
