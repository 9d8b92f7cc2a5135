/**
 * The measured variants. `name` is the file in `servers`; a variant refuses bad credentials unless it is `open`.
 * `quick` variants are also in the short run.
 */

/** The base of ratios and of added CPU. */
export const BARE = 'bare';

export const VARIANTS = [
  { name: BARE, title: 'bare route', kind: 'floor', open: true, quick: true },
  {
    name: 'no-op-guard',
    title: 'no-op guard',
    kind: 'floor',
    open: true,
    quick: true,
  },
  ours('session-jwt-header', 'header', { quick: true }),
  ours('session-jwt-cookie', 'cookie', { quick: true }),
  ours('session-jwt-cookie-pair', 'cookie pair'),
  ours('session-jwt-header-first-sight', 'header, first sight', {
    quick: true,
  }),
  ours('session-jwt-cookie-first-sight', 'cookie, first sight'),
  ours('session-jwt-redis', 'header, Redis', { needs: 'redis' }),
  ours('session-jwt-redis-always', 'header, Redis, always checked', {
    needs: 'redis',
  }),
  ours('session-jwt-redis-log', 'header, Redis, revocation log', {
    needs: 'redis',
  }),
  ours('session-jwt-postgres', 'header, Postgres', { needs: 'postgres' }),
  ours('session-jwt-postgres-always', 'header, Postgres, always checked', {
    needs: 'postgres',
  }),
  ours(
    'session-jwt-postgres-prepared',
    'header, Postgres, always checked, prepared',
    { needs: 'postgres' },
  ),
  {
    name: 'hand-made-header',
    title: 'hand-written: raw crypto + LRU, header',
    kind: 'yardstick',
    quick: true,
  },
  {
    name: 'hand-made-cookie',
    title: 'hand-written: raw crypto + LRU, cookie',
    kind: 'yardstick',
    quick: true,
  },
  {
    name: 'raw-crypto',
    title: 'hand-written: raw crypto, no cache',
    kind: 'yardstick',
  },
  {
    name: 'hand-made-redis',
    title: 'hand-written: raw crypto + LRU + one Redis GET',
    kind: 'yardstick',
    needs: 'redis',
  },
  {
    name: 'hand-made-postgres',
    title: 'hand-written: raw crypto + LRU + one Postgres SELECT',
    kind: 'yardstick',
    needs: 'postgres',
  },
  peer('docs-guard', "guard from Nest's documentation", { quick: true }),
  peer('docs-guard-key-object', "guard from Nest's documentation, KeyObject"),
  peer('passport-jwt', 'passport-jwt'),
  peer('passport-jwt-key-object', 'passport-jwt, KeyObject'),
  peer('better-auth', 'nestjs-better-auth, cookie cache'),
  peer('better-auth-jwt', 'nestjs-better-auth, cookie cache as a JWT'),
  peer('iron-session', 'iron-session'),
  peer('express-session-redis', 'express-session + Redis', {
    needs: 'redis',
    adapters: ['express'],
  }),
  peer('fast-jwt', 'fast-jwt'),
  peer('fast-jwt-cache', 'fast-jwt with its cache'),
  peer('jose', 'jose'),
  peer('jose-crypto-key', 'jose, imported key'),
];

function ours(name, title, more) {
  return { name, title: `nestjs-session-jwt, ${title}`, kind: 'ours', ...more };
}

function peer(name, title, more) {
  return { name, title, kind: 'peer', ...more };
}
