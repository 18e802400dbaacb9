/** The chat's commands: our copy of `tests/data/commands.json` (a test compares them).  Pure. */

import type { Role } from './events';

export type ArgumentKind = 'name' | 'duration' | 'message_id' | 'text' | 'command';

export interface Argument {
  label: string;
  kind: ArgumentKind;
  required: boolean;
}

export interface Command {
  name: string;
  usage: string;
  help: string;
  who: Role;
  arguments: readonly Argument[];
}

const NAME: Argument = { label: 'NAME', kind: 'name', required: true };
const MESSAGE_ID: Argument = { label: 'MESSAGE_ID', kind: 'message_id', required: true };
const TEXT: Argument = { label: 'TEXT', kind: 'text', required: true };
const REASON: Argument = { label: 'REASON', kind: 'text', required: false };

export const COMMANDS: readonly Command[] = [
  {
    name: 'timeout',
    usage: '/timeout NAME [DURATION=10m] [REASON…]',
    help: 'Silence somebody for a while and remove their messages.',
    who: 'moderator',
    arguments: [NAME, { label: 'DURATION', kind: 'duration', required: false }, REASON],
  },
  {
    name: 'untimeout',
    usage: '/untimeout NAME',
    help: 'End a timeout.',
    who: 'moderator',
    arguments: [NAME],
  },
  {
    name: 'ban',
    usage: '/ban NAME [REASON…]',
    help: 'Silence somebody for good and remove their messages.',
    who: 'moderator',
    arguments: [NAME, REASON],
  },
  {
    name: 'unban',
    usage: '/unban NAME',
    help: 'End a ban.',
    who: 'moderator',
    arguments: [NAME],
  },
  {
    name: 'delete',
    usage: '/delete MESSAGE_ID',
    help: 'Remove one message.',
    who: 'moderator',
    arguments: [MESSAGE_ID],
  },
  {
    name: 'clear',
    usage: '/clear',
    help: 'Remove every message so far.',
    who: 'moderator',
    arguments: [],
  },
  {
    name: 'announce',
    usage: '/announce TEXT…',
    help: 'Say something set off from the messages.',
    who: 'moderator',
    arguments: [TEXT],
  },
  {
    name: 'announceblue',
    usage: '/announceblue TEXT…',
    help: 'Say something set off from the messages, in blue.',
    who: 'moderator',
    arguments: [TEXT],
  },
  {
    name: 'announcegreen',
    usage: '/announcegreen TEXT…',
    help: 'Say something set off from the messages, in green.',
    who: 'moderator',
    arguments: [TEXT],
  },
  {
    name: 'announceorange',
    usage: '/announceorange TEXT…',
    help: 'Say something set off from the messages, in orange.',
    who: 'moderator',
    arguments: [TEXT],
  },
  {
    name: 'announcepurple',
    usage: '/announcepurple TEXT…',
    help: 'Say something set off from the messages, in purple.',
    who: 'moderator',
    arguments: [TEXT],
  },
  {
    name: 'pin',
    usage: '/pin MESSAGE_ID',
    help: 'Let a message stand over the chat.',
    who: 'moderator',
    arguments: [MESSAGE_ID],
  },
  {
    name: 'unpin',
    usage: '/unpin',
    help: 'Take the pinned message down.',
    who: 'moderator',
    arguments: [],
  },
  {
    name: 'slow',
    usage: '/slow [SECONDS=30s]',
    help: 'Let everybody speak once in so many seconds.',
    who: 'moderator',
    arguments: [{ label: 'SECONDS', kind: 'duration', required: false }],
  },
  {
    name: 'slowoff',
    usage: '/slowoff',
    help: 'End slow mode.',
    who: 'moderator',
    arguments: [],
  },
  {
    name: 'followers',
    usage: '/followers [MIN_DURATION=0s]',
    help: 'Let only followers speak, from so long a follow on.',
    who: 'moderator',
    arguments: [{ label: 'MIN_DURATION', kind: 'duration', required: false }],
  },
  {
    name: 'followersoff',
    usage: '/followersoff',
    help: 'End followers-only mode.',
    who: 'moderator',
    arguments: [],
  },
  {
    name: 'mod',
    usage: '/mod NAME',
    help: 'Make somebody a moderator.',
    who: 'owner',
    arguments: [NAME],
  },
  {
    name: 'unmod',
    usage: '/unmod NAME',
    help: 'Dismiss a moderator.',
    who: 'owner',
    arguments: [NAME],
  },
  {
    name: 'vip',
    usage: '/vip NAME',
    help: 'Make somebody a VIP.',
    who: 'owner',
    arguments: [NAME],
  },
  {
    name: 'unvip',
    usage: '/unvip NAME',
    help: 'Take the VIP role back.',
    who: 'owner',
    arguments: [NAME],
  },
  {
    name: 'me',
    usage: '/me TEXT…',
    help: 'Say something in the third person.',
    who: 'member',
    arguments: [TEXT],
  },
  {
    name: 'help',
    usage: '/help [COMMAND]',
    help: 'List the commands, or explain one.',
    who: 'guest',
    arguments: [{ label: 'COMMAND', kind: 'command', required: false }],
  },
];

const RANKS: Readonly<Record<Role, number>> = { guest: 0, member: 1, vip: 2, moderator: 3, owner: 4 };

export function rankOf(role: Role): number {
  return RANKS[role];
}

/** VIPs and above: slow mode and followers-only are not for them. */
export function isAboveModes(role: Role): boolean {
  return RANKS[role] >= RANKS.vip;
}

export function canModerate(role: Role): boolean {
  return RANKS[role] >= RANKS.moderator;
}

/** What `reader` may do about a line of `author`: null where nothing. */
export function reachOf(reader: { me: { id: number } | null; role: Role }, author: { id: number; role: Role }) {
  if (!canModerate(reader.role)) return null;
  if (reader.me?.id === author.id) return 'own';
  return canReach(reader.role, author.role) ? 'all' : 'pin';
}

/** Whether `role` may sanction or delete what `target` said: only those below. */
export function canReach(role: Role, target: Role): boolean {
  return canModerate(role) && RANKS[role] > RANKS[target];
}
