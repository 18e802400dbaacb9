import { PATHS, type IconName } from './iconPaths';

/** A 24 px line icon, decoration only: the control it sits in carries the words. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} fill={name === 'heartFilled' ? 'currentColor' : undefined} />
    </svg>
  );
}
