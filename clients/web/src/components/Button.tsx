import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Link } from 'react-router';
import { Icon } from './Icon';
import type { IconName } from './iconPaths';
import './button.css';

export type ButtonVariant = 'primary' | 'secondary' | 'quiet' | 'danger';

interface Look {
  variant?: ButtonVariant;
  size?: 's' | 'm';
  icon?: IconName;
  children?: ReactNode;
}

function classes({ variant = 'secondary', size = 'm', children }: Look, extra = ''): string {
  const square = children === undefined ? ' button-square' : '';
  return `button button-${variant} button-${size}${square} ${extra}`.trim();
}

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & Look & { busy?: boolean };

/** A button; without children it is an icon and needs `aria-label`.  While busy it keeps its size and takes no click. */
export function Button({ variant, size, icon, busy = false, children, className, type, ...rest }: ButtonProps) {
  const look: Look = { ...(variant && { variant }), ...(size && { size }), children };
  return (
    <button
      {...rest}
      type={type ?? 'button'}
      className={classes(look, className)}
      disabled={rest.disabled ?? busy}
      aria-busy={busy || undefined}
    >
      {icon && <Icon name={icon} size={size === 's' ? 16 : 20} />}
      {children}
    </button>
  );
}

/** A link within the site that looks like a button. */
export function ButtonLink({ to, variant, size, icon, children }: Look & { to: string }) {
  const look: Look = { ...(variant && { variant }), ...(size && { size }), children };
  return (
    <Link to={to} className={classes(look)}>
      {icon && <Icon name={icon} size={size === 's' ? 16 : 20} />}
      {children}
    </Link>
  );
}
