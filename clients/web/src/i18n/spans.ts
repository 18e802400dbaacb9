/** Spans of time and moments in words.  Pure but for Intl. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** 1:02:03 or 2:03. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** The two largest units: `45 sec`, `5 min`, `2 hr 3 min`. */
export function span(ms: number, locale: string): string {
  const whole = Math.max(0, ms);
  const unit = (value: number, name: string) =>
    new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'short' }).format(value);
  if (whole < MINUTE) return unit(Math.ceil(whole / SECOND), 'second');
  if (whole < HOUR) return unit(Math.floor(whole / MINUTE), 'minute');
  const [large, small, names] = whole < DAY ? [HOUR, MINUTE, ['hour', 'minute']] : [DAY, HOUR, ['day', 'hour']];
  const rest = Math.floor((whole % large) / small);
  const head = unit(Math.floor(whole / large), names[0] ?? 'hour');
  return rest === 0 ? head : `${head} ${unit(rest, names[1] ?? 'minute')}`;
}

/** `3 minutes ago`; `now` for less than a minute. */
export function ago(ms: number, now: number, locale: string): string {
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const past = Math.max(0, now - ms);
  if (past < MINUTE) return format.format(0, 'second');
  if (past < HOUR) return format.format(-Math.floor(past / MINUTE), 'minute');
  if (past < DAY) return format.format(-Math.floor(past / HOUR), 'hour');
  if (past < 30 * DAY) return format.format(-Math.floor(past / DAY), 'day');
  if (past < 365 * DAY) return format.format(-Math.floor(past / (30 * DAY)), 'month');
  return format.format(-Math.floor(past / (365 * DAY)), 'year');
}
