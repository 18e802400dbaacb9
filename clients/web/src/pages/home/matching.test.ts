import { expect, it } from 'vitest';
import { card } from '../../testing/cards';
import { matching } from './matching';

it('finds every word in name, title or category, whatever their case and accents', () => {
  const cards = [card('anna', { title: 'Ёлка и чай', category: 'Talk' }), card('bob', { title: 'Café music' })];
  const found = (query: string) => matching(cards, query).map((one) => one.slug);
  expect(found('')).toEqual(['anna', 'bob']);
  expect(found('елка TALK')).toEqual(['anna']);
  expect(found('cafe')).toEqual(['bob']);
  expect(found('bob talk')).toEqual([]);
});
