import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { renderPage } from '../testing/renderPage';
import { Menu } from './Menu';

function renderMenu(onSelect = vi.fn()) {
  renderPage(
    <Menu
      label="More"
      trigger="…"
      entries={[
        { kind: 'link', label: 'Home', to: '/' },
        { kind: 'heading', label: 'Theme' },
        { kind: 'choice', label: 'Dark', isChosen: true, onSelect },
        { kind: 'action', label: 'Leave', onSelect },
      ]}
    />,
  );
  return onSelect;
}

describe('Menu', () => {
  it('opens on its first item, moves by arrows round and round, closes by Escape back to its button', async () => {
    renderMenu();
    const button = screen.getByRole('button', { name: 'More' });
    await userEvent.click(button);
    expect(screen.getByRole('menuitem', { name: 'Home' })).toHaveFocus();
    await userEvent.keyboard('{ArrowDown}');
    expect(screen.getByRole('menuitemradio', { name: 'Dark' })).toHaveFocus();
    await userEvent.keyboard('{End}');
    expect(screen.getByRole('menuitem', { name: 'Leave' })).toHaveFocus();
    await userEvent.keyboard('{ArrowDown}');
    expect(screen.getByRole('menuitem', { name: 'Home' })).toHaveFocus();
    await userEvent.keyboard('{Escape}');
    expect(screen.queryByRole('menu')).not.toBeInTheDocument();
    expect(button).toHaveFocus();
  });

  it('performs an action and closes; a choice leaves it open', async () => {
    const onSelect = renderMenu();
    await userEvent.click(screen.getByRole('button', { name: 'More' }));
    await userEvent.click(screen.getByRole('menuitemradio', { name: 'Dark' }));
    expect(screen.getByRole('menu')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('menuitem', { name: 'Leave' }));
    expect(screen.queryByRole('menu')).not.toBeInTheDocument();
    expect(onSelect).toHaveBeenCalledTimes(2);
  });

  it('closes by a press outside', async () => {
    renderMenu();
    await userEvent.click(screen.getByRole('button', { name: 'More' }));
    await userEvent.pointer({ keys: '[MouseLeft]', target: document.body });
    expect(screen.queryByRole('menu')).not.toBeInTheDocument();
  });
});
