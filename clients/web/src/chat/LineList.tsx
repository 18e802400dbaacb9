import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, type KeyboardEvent } from 'react';
import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import { LineRow, PendingRow, type Reader } from './LineRow';
import type { Pending, RoomState } from './room';
import type { ChatStore } from './store';

/** Nearer to the end than this is at the end. */
const END_PX = 48;
/** A scroll so soon after a wheel, a touch or a key is somebody's wish. */
const WISH_MS = 1200;
const LINE_PX = 26;

/** The lines, drawn as far as they are seen; follows the newest until somebody scrolls up. */
export function LineList({ store, room, reader }: { store: ChatStore; room: RoomState; reader: Reader }) {
  const { t } = useI18n();
  const box = useRef<HTMLDivElement>(null);
  const wishedAt = useRef(0);
  const lastTop = useRef(0);
  const lines = room.held ?? room.lines;
  const pending = room.pending.filter(isShown);
  const count = lines.length + pending.length;

  // its functions answer anew at every render; nothing here remembers them
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    getItemKey: (index) => lines[index]?.key ?? pending[index - lines.length]?.nonce ?? index,
    overscan: 8,
    useFlushSync: false,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: END_PX,
  });

  const isHeld = room.held !== null;
  const hasLines = count > 0;
  useLayoutEffect(() => {
    if (!isHeld && hasLines) virtualizer.scrollToEnd();
  }, [isHeld, hasLines, virtualizer]);

  // the pane grew or shrank (a phone's keyboard, a longer field): the newest stays in sight
  useEffect(() => {
    const element = box.current;
    if (element === null || isHeld) return;
    const observer = new ResizeObserver(() => virtualizer.scrollToEnd());
    observer.observe(element);
    return () => observer.disconnect();
  }, [isHeld, virtualizer]);

  const onScroll = () => {
    const element = box.current;
    if (element === null) return;
    const isUp = element.scrollTop < lastTop.current;
    lastTop.current = element.scrollTop;
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (left <= END_PX / 2 && isHeld && !isUp) store.release();
    else if (left > END_PX && isUp && performance.now() - wishedAt.current < WISH_MS) store.hold();
  };
  const wish = () => {
    wishedAt.current = performance.now();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    wish();
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined || box.current === null) return;
    event.preventDefault();
    if (step < 0) store.hold();
    moveAmongNames(box.current, step);
  };

  return (
    <div className="chat-lines">
      {/* the arrows walk over the lines, so the log itself takes the focus */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        ref={box}
        className="chat-scroll"
        role="log"
        // scrolling up draws old lines again, which nobody wants to hear
        aria-live={isHeld ? 'off' : 'polite'}
        aria-relevant="additions"
        aria-label={t('chat.log')}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onScroll={onScroll}
        onWheel={wish}
        onTouchMove={wish}
        onPointerDown={wish}
        onKeyDown={onKeyDown}
      >
        <div className="chat-all" style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((item) => {
            const line = lines[item.index];
            const own = pending[item.index - lines.length];
            return (
              <div
                key={item.key}
                ref={virtualizer.measureElement}
                data-index={item.index}
                className="chat-item"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                {line !== undefined && <LineRow line={line} reader={reader} />}
                {own !== undefined && <PendingRow pending={own} reader={reader} />}
              </div>
            );
          })}
        </div>
      </div>
      {room.hasJoined && !hasLines && <p className="chat-empty">{t('chat.nobodyYet')}</p>}
      {isHeld && (
        <Button className="chat-newest" variant="primary" size="s" icon="chevronDown" onClick={() => store.release()}>
          {room.unseen > 0 ? t('chat.newMessages', { count: room.unseen }) : t('chat.toNewest')}
        </Button>
      )}
    </div>
  );
}

/** Commands don't stand among the lines while they are on their way. */
const isShown = ({ text }: Pending) => !text.startsWith('/') || text.startsWith('/me ');

/** Focus the name above or below the focused one; from outside: the lowest in sight. */
function moveAmongNames(box: HTMLElement, step: number): void {
  const names = [...box.querySelectorAll<HTMLElement>('button.chat-name')];
  names.sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top);
  const bottom = box.getBoundingClientRect().bottom;
  const here = names.findIndex((name) => name === document.activeElement);
  const next = here < 0 ? names.findLastIndex((name) => name.getBoundingClientRect().bottom <= bottom) : here + step;
  names[next]?.focus({ preventScroll: true });
  names[next]?.scrollIntoView({ block: 'nearest' });
}
