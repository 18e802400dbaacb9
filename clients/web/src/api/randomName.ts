/** So many random bytes as hex digits.  Not `randomUUID`: that is missing on a page without TLS. */
export function randomName(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
