/** `Firefox, Windows` from a User-Agent; null if it says neither.  Pure; for the eye only, nothing depends on it. */
export function deviceName(userAgent: string): string | null {
  const browser = firstMatch(userAgent, [
    ['Edge', /\bEdgA?\//],
    ['Opera', /\bOPR\//],
    ['Yandex', /\bYaBrowser\//],
    ['Firefox', /\b(Firefox|FxiOS)\//],
    ['Chromium', /\bChromium\//],
    ['Chrome', /\b(Chrome|CriOS)\//],
    ['Safari', /\bSafari\//],
    ['Leams', /\bleams\b/i],
  ]);
  const system = firstMatch(userAgent, [
    ['Android', /\bAndroid\b/],
    ['iOS', /\b(iPhone|iPad)\b/],
    ['Windows', /\bWindows\b/],
    ['macOS', /\bMac OS X\b/],
    ['Linux', /\bLinux\b/],
  ]);
  const parts = [browser, system].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(', ');
}

function firstMatch(text: string, names: readonly (readonly [string, RegExp])[]): string | null {
  return names.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
}
