// Before the first paint: the chosen theme, so that nothing flashes.  The same key as src/preferences/theme.ts.
try {
  const theme = localStorage.getItem('leams.theme');
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
} catch {
  // storage is forbidden: the system's preference decides
}
