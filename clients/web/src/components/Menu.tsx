import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { Link } from 'react-router';
import { Icon } from './Icon';
import type { IconName } from './iconPaths';
import './menu.css';

export type MenuEntry =
  | { kind: 'link'; label: string; icon?: IconName; to: string }
  | { kind: 'action'; label: string; icon?: IconName; danger?: boolean; onSelect: () => void }
  | { kind: 'choice'; label: string; isChosen: boolean; onSelect: () => void }
  | { kind: 'heading'; label: string };

export interface MenuProps {
  /** What the button is called when its content is no text. */
  label: string;
  trigger: ReactNode;
  entries: MenuEntry[];
  className?: string;
}

/** A button with a list of actions: arrows move, Escape closes, a click outside too. */
export function Menu({ label, trigger, entries, className = '' }: MenuProps) {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!isOpen) return;
    root.current?.querySelector<HTMLElement>('[role^="menuitem"]')?.focus();
    const onPointer = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', onPointer);
    return () => document.removeEventListener('pointerdown', onPointer);
  }, [isOpen]);

  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!isOpen) return;
    if (event.key === 'Escape') close();
    else if (event.key === 'Tab') setOpen(false);
    else if (moveFocus(root.current, event.key)) event.preventDefault();
  };

  return (
    // the keys of the menu's own items bubble up to here
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className={`menu ${className}`} ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        className="menu-button"
        ref={button}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        aria-label={label}
        onClick={() => setOpen(!isOpen)}
      >
        {trigger}
      </button>
      {isOpen && (
        <div className="menu-list" role="menu" id={id} aria-label={label}>
          {entries.map((entry) => (
            <Entry key={`${entry.kind} ${entry.label}`} entry={entry} onDone={close} />
          ))}
        </div>
      )}
    </div>
  );
}

function Entry({ entry, onDone }: { entry: MenuEntry; onDone: () => void }) {
  switch (entry.kind) {
    case 'heading':
      return (
        <p className="menu-heading" role="presentation">
          {entry.label}
        </p>
      );
    case 'link':
      return (
        <Link className="menu-item" role="menuitem" tabIndex={-1} to={entry.to} onClick={onDone}>
          {entry.icon && <Icon name={entry.icon} size={18} />}
          {entry.label}
        </Link>
      );
    case 'choice':
      return (
        <button
          type="button"
          className="menu-item"
          role="menuitemradio"
          tabIndex={-1}
          aria-checked={entry.isChosen}
          onClick={entry.onSelect}
        >
          <span className="menu-check">{entry.isChosen && <Icon name="check" size={18} />}</span>
          {entry.label}
        </button>
      );
    case 'action':
      return (
        <button
          type="button"
          className={entry.danger ? 'menu-item menu-item-danger' : 'menu-item'}
          role="menuitem"
          tabIndex={-1}
          onClick={() => {
            onDone();
            entry.onSelect();
          }}
        >
          {entry.icon && <Icon name={entry.icon} size={18} />}
          {entry.label}
        </button>
      );
  }
}

function moveFocus(root: HTMLElement | null, key: string): boolean {
  const items = [...(root?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])];
  const at = items.findIndex((item) => item === document.activeElement);
  const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  const next = steps[key];
  if (next === undefined || items.length === 0) return false;
  items[(next + items.length) % items.length]?.focus();
  return true;
}
