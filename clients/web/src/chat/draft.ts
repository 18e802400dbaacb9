/** What is being written, kept for the tab: it outlives reconnects and reloads. */

const key = (room: string) => `leams.draft.${room}`;

export function recallDraft(room: string): string {
  try {
    return sessionStorage.getItem(key(room)) ?? '';
  } catch {
    return '';
  }
}

export function rememberDraft(room: string, text: string): void {
  try {
    if (text === '') sessionStorage.removeItem(key(room));
    else sessionStorage.setItem(key(room), text);
  } catch {
    // forbidden or full: the draft lives as long as the page
  }
}
