/** What a moderator's act is called.  Pure. */

import type { Params } from '../i18n/catalogue';
import type { MessageKey } from '../i18n/languages';
import type { NoticeLine } from './lines';

const ROLES = { moderator: 'chat.eventRoleModerator', vip: 'chat.eventRoleVip' } as const;

export function noticeOf({ event }: NoticeLine, span: (ms: number) => string): [MessageKey, Params] {
  const by = event.by.name;
  switch (event.t) {
    case 'user_cleared': {
      const { name, reason } = event;
      if (event.seconds === null) return [reason === '' ? 'chat.eventBan' : 'chat.eventBanBecause', { name, by, reason }];
      const params = { name, by, reason, span: span(event.seconds * 1000) };
      return [reason === '' ? 'chat.eventTimeout' : 'chat.eventTimeoutBecause', params];
    }
    case 'user_restored':
      return ['chat.eventRestored', { name: event.name, by }];
    case 'room_cleared':
      return ['chat.eventCleared', { by }];
    case 'role':
      return [
        event.role === 'moderator' || event.role === 'vip' ? ROLES[event.role] : 'chat.eventRoleMember',
        { name: event.name },
      ];
    case 'pinned':
      return ['chat.eventPinned', { by }];
    case 'unpinned':
      return ['chat.eventUnpinned', { by }];
    case 'modes': {
      if (event.slow_seconds > 0) return ['chat.eventSlow', { by, span: span(event.slow_seconds * 1000) }];
      const followers = event.followers_only_seconds;
      if (followers === null) return ['chat.eventModes', { by }];
      if (followers === 0) return ['chat.eventFollowers', { by }];
      return ['chat.eventFollowersFor', { by, span: span(followers * 1000) }];
    }
  }
}
