import type { ChannelCard } from '../../api/types';

/** The cards that hold every word of the query in their name, title or category.  Pure; keeps the order. */
export function matching(cards: readonly ChannelCard[], query: string): ChannelCard[] {
  const words = fold(query).split(/\s+/).filter(Boolean);
  return cards.filter((card) => {
    const text = fold(`${card.name} ${card.slug} ${card.title} ${card.category}`);
    return words.every((word) => text.includes(word));
  });
}

/** Letters alone: `Ё` finds `е`, `É` finds `e`. */
function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
