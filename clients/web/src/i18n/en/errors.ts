/** One sentence per code of the server: what happened and what to do. */
export const errors = {
  bad_body: 'The server did not understand what was sent. Check the fields.',
  bad_gateway: 'The server is not answering. Try again in a moment.',
  client: 'The page could not read the answer. Load it again.',
  forbidden: 'You may not do this with this account.',
  internal: 'The server made a mistake; it has been logged. Try again.',
  network: 'No answer from the server. Check the connection and try again.',
  not_found: 'It is not there any more. Load the page again.',
  rate_limited: { one: 'Too many attempts. Try again in {count} second.', other: 'Too many attempts. Try again in {count} seconds.' },
  unauthorized: 'Sign in first.',
  unavailable: 'The server is not ready. Try again in a moment.',
  unknown: 'This did not work: {message} Try again.',
} as const;
