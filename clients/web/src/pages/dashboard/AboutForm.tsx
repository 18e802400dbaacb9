import { useState, type SyntheticEvent } from 'react';
import { useApi } from '../../api/context';
import type { Channel } from '../../api/types';
import { TextArea, TextField } from '../../components/Field';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { SubmitRow } from '../SubmitRow';
import { useSubmit } from '../useSubmit';

/** The server's limits (`server/channels/rules.py`). */
const MOST_CHARS = { title: 140, category: 50, description: 2000 };

/** What the broadcast is called: also while it runs. */
export function AboutForm({ channel, onSaved }: { channel: Channel; onSaved: (channel: Channel) => void }) {
  const { t } = useI18n();
  const api = useApi();
  const toast = useToast();
  const submission = useSubmit(['title', 'category', 'description']);
  const [title, setTitle] = useState(channel.title);
  const [category, setCategory] = useState(channel.category);
  const [description, setDescription] = useState(channel.description);
  const isChanged =
    title !== channel.title || category !== channel.category || description !== channel.description;

  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    void submission.submit(async () => {
      const saved = await api.channels.edit(channel.slug, { title, category, description });
      setTitle(saved.title);
      setCategory(saved.category);
      setDescription(saved.description);
      onSaved(saved);
      toast({ kind: 'good', text: t('shell.saved') });
    });
  };
  return (
    <form className="stack" noValidate onSubmit={onSubmit}>
      <TextField
        label={t('dashboard.titleField')}
        maxLength={MOST_CHARS.title}
        value={title}
        onChange={setTitle}
        hint={t('dashboard.aboutHint')}
        error={submission.errorOf('title')}
      />
      <TextField
        label={t('dashboard.category')}
        maxLength={MOST_CHARS.category}
        value={category}
        onChange={setCategory}
        error={submission.errorOf('category')}
      />
      <TextArea
        label={t('dashboard.description')}
        maxLength={MOST_CHARS.description}
        value={description}
        onChange={setDescription}
        error={submission.errorOf('description')}
      />
      <SubmitRow submission={submission} label={t('shell.save')} disabled={!isChanged} />
    </form>
  );
}
