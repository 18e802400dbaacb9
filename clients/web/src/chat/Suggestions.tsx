import { useEffect, useRef } from 'react';
import { useI18n } from '../i18n/context';
import { hasMessage } from '../i18n/languages';
import type { Command } from './commands';
import type { Completion, Suggestion } from './completion';

/** The list over the field; the focus stays in the field, which names the active option. */
export function Suggestions({
  id,
  completion,
  active,
  onPick,
}: {
  id: string;
  completion: Completion;
  active: number;
  onPick: (suggestion: Suggestion) => void;
}) {
  const { t } = useI18n();
  const { hint, suggestions } = completion;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active]);
  return (
    <div className="chat-suggestions">
      {hint !== null && <CommandHelp command={hint} />}
      {suggestions.length > 0 && (
        <div ref={list} id={id} role="listbox" aria-label={t('chat.completions')}>
          {suggestions.map((one, index) => (
            // the field holds the focus and the keys; the pointer's way is the same pick
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
            <div
              key={one.label}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === active}
              className="chat-suggestion"
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => onPick(one)}
            >
              {hint === null && one.command !== null ? <CommandHelp command={one.command} /> : one.label}
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

function CommandHelp({ command }: { command: Command }) {
  const { t } = useI18n();
  const key = `chat.help${command.name.charAt(0).toUpperCase()}${command.name.slice(1)}`;
  return (
    <span className="chat-command">
      <code>{command.usage}</code>
      <span>{hasMessage(key) ? t(key) : command.help}</span>
    </span>
  );
}
