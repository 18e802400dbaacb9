import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Route, Routes } from 'react-router';
import { describe, expect, it } from 'vitest';
import type { Vod, VodDetails } from '../api/types';
import { vod } from '../testing/cards';
import { FakeServer } from '../testing/FakeServer';
import { ANNA, renderPage } from '../testing/renderPage';
import VodPage from './VodPage';

const DOOR = '/vods/b1';

function details(isOwner: boolean, more: Partial<Vod> = {}): VodDetails {
  // not ready: there is no Media Source here to play it by
  const one = vod('b1', { state: 'recording', title: 'First night', ...more });
  return { ...one, channel: { slug: 'anna', name: 'Anna' }, is_owner: isOwner };
}

function serve(isOwner = true): FakeServer {
  return new FakeServer()
    .install()
    .on(`GET ${DOOR}`, { body: details(isOwner) })
    .on('GET /channels/anna/vods', { body: { vods: [vod('b1'), vod('b0')], next: null } });
}

function show() {
  return renderPage(
    <Routes>
      <Route path="/:slug/v/:id" element={<VodPage />} />
      <Route path="/:slug" element={<p>the channel</p>} />
    </Routes>,
    { at: '/anna/v/b1', account: ANNA },
  );
}

describe('VodPage', () => {
  it('says in words that a recording is still being prepared', async () => {
    serve();
    show();
    expect(await screen.findByText('The recording is being prepared…')).toBeInTheDocument();
    expect(screen.getByRole('heading', { name: 'First night', level: 1 })).toBeInTheDocument();
  });

  it('offers the other recordings, not itself', async () => {
    serve();
    show();
    expect(await screen.findByRole('link', { name: 'Evening b0' })).toHaveAttribute('href', '/anna/v/b0');
    expect(screen.queryByRole('link', { name: 'Evening b1' })).not.toBeInTheDocument();
  });

  it('lets its owner rename it and choose who may watch', async () => {
    const server = serve().on(`PATCH ${DOOR}`, ({ body }) => ({ body: details(true, body as object) }));
    show();
    await userEvent.click(await screen.findByRole('button', { name: 'Edit' }));
    const dialog = screen.getByRole('dialog', { name: 'Edit' });
    const title = within(dialog).getByLabelText('Title');
    await userEvent.clear(title);
    await userEvent.type(title, 'Opening night');
    await userEvent.selectOptions(within(dialog).getByLabelText('Who can watch'), 'Unlisted');
    expect(within(dialog).getByText('Whoever has the link; it is listed nowhere.')).toBeInTheDocument();
    await userEvent.click(within(dialog).getByRole('button', { name: 'Save' }));
    expect(await screen.findByRole('heading', { name: 'Opening night', level: 1 })).toBeInTheDocument();
    expect(server.callsOf(`PATCH ${DOOR}`)[0]?.body).toEqual({ title: 'Opening night', visibility: 'unlisted' });
  });

  it('deletes only after asking, and says what is lost', async () => {
    const server = serve().on(`DELETE ${DOOR}`, {});
    show();
    await userEvent.click(await screen.findByRole('button', { name: 'Delete' }));
    const dialog = screen.getByRole('dialog', { name: 'Delete the recording?' });
    expect(within(dialog).getByText(/“First night” \(1:02:03, 1.4 GB\)/)).toBeInTheDocument();
    expect(server.callsOf(`DELETE ${DOOR}`)).toEqual([]);
    await userEvent.click(within(dialog).getByRole('button', { name: 'Delete' }));
    expect(await screen.findByText('the channel')).toBeInTheDocument();
  });

  it('gives others no such buttons', async () => {
    serve(false);
    show();
    await screen.findByRole('heading', { name: 'First night', level: 1 });
    expect(screen.queryByRole('button', { name: 'Delete' })).not.toBeInTheDocument();
  });

  it('is not found when it is gone', async () => {
    serve().refuse(`GET ${DOOR}`, 404, 'not_found');
    show();
    expect(await screen.findByText('There is no such page')).toBeInTheDocument();
  });
});
