/** The application of `graphql-app.ts` with Mercurius, which Jest cannot load before Node 24.9. */
import { register } from 'node:module';

register('../runner/typescript-hooks.mjs', import.meta.url);
const { NestFactory } = await import('@nestjs/core');
const { MercuriusDriver } = await import('@nestjs/mercurius');
const { FastifyAdapter } = await import('@nestjs/platform-fastify');
const { SessionClock } = await import('../../lib/index.ts');
const { graphqlModule, ran } = await import('./graphql-app.ts');

const app = await NestFactory.create(
  graphqlModule(MercuriusDriver),
  new FastifyAdapter(),
  { logger: false },
);
const clock = app.get(SessionClock, { strict: false });
const start = clock.nowSeconds();
let seconds = 0;
clock.nowSeconds = () => start + seconds;
await app.listen(0, '127.0.0.1');
process.on('message', ({ advance }) => {
  seconds += advance;
  process.send({ ran });
});
process.send({ port: app.getHttpServer().address().port });
