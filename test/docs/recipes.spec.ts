import { FENCES, page, recipes } from './recipes-snippets.js';
import { blocksOf } from './snippets/page.js';

describe('docs/recipes.md', () => {
  it('has no code that is not compiled', () => {
    const fences = [...page.matchAll(/^```(.+)$/gm)].map(([, fence]) => fence);
    const blocks = recipes.flatMap((recipe) =>
      FENCES.flatMap((fence) => blocksOf(recipe, fence)),
    );
    expect(fences.length).toBeGreaterThan(10);
    expect(blocks).toHaveLength(fences.length);
  });
});
