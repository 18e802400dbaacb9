/** Where to go after the sign-in: a path of this site, never another one's address (`//host`, `https:…`). */
export function destination(next: string | null): string {
  if (next === null || !/^\/(?![/\\])/.test(next) || next.startsWith('/login') || next.startsWith('/register')) {
    return '/';
  }
  return next;
}
