import { ROOT } from '../support/library-sources.js';
import { blocksOf, readPage, sectionsOf } from './snippets/page.js';

const sections = sectionsOf(readPage('docs/choosing-a-profile.md'));
const CHANGING = 'Changing the profile';

/** Left out in the page. */
const IMPORTS = `import { generateKeyPairSync } from 'node:crypto';
import type { SessionJwtModuleOptions } from 'nestjs-session-jwt';
import { RedisRevocationLog, RedisSessionStore } from 'nestjs-session-jwt/redis';
import { redis, secret } from '${ROOT}test/docs/snippets/application.ts';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
`;

/** The module of each profile, by its title: it exports `options`. */
export const profiles = sections
  .filter(({ title }) => title !== CHANGING)
  .map((section): [title: string, source: string] => [
    section.title,
    `${IMPORTS}${blocksOf(section, 'ts')
      .join('')
      .replaceAll(/^const /gm, 'export const ')}`,
  ]);

/** What the page says of live sessions when a deploy changes their profile. */
export const transitions = sections
  .find(({ title }) => title === CHANGING)!
  .text.split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (from|---)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, from, to, sessions]) => ({
    from: from!,
    to: to!,
    sessions: sessions!,
  }));
