import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { SessionClock } from 'nestjs-session-jwt';
import {
  createTestSession,
  TestSessionClock,
} from 'nestjs-session-jwt/testing';
import { AppModule } from '../src/app.module.js';

describe('AccountController (e2e)', () => {
  const clock = new TestSessionClock();
  let app: INestApplication<App>;

  beforeEach(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(SessionClock)
      .useValue(clock)
      .compile();
    app = module.createNestApplication();
    await app.init();
  });
  afterEach(() => app.close());

  it('refuses requests without a session', () =>
    request(app.getHttpServer()).get('/me').expect(401));

  it('shows the user, from the loader again after the interval', async () => {
    const data = { name: 'ada', roles: ['member'] };
    const { cookie } = await createTestSession(app, 'u1', { data });
    const me = () =>
      request(app.getHttpServer()).get('/me').set('Cookie', cookie).expect(200);
    expect((await me()).body).toEqual(data);
    clock.advance('15m');
    expect((await me()).body).toEqual({ name: 'ada', roles: ['admin'] });
  });
});
