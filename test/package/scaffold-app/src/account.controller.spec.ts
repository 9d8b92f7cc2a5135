import { Test } from '@nestjs/testing';
import { SessionService } from 'nestjs-session-jwt';
import { AccountController } from './account.controller.js';

describe('AccountController', () => {
  it('signs a user in', async () => {
    const signedIn: string[] = [];
    const module = await Test.createTestingModule({
      controllers: [AccountController],
      providers: [
        {
          provide: SessionService,
          useValue: { generate: (user: string) => signedIn.push(user) },
        },
      ],
    }).compile();
    await module.get(AccountController).login({ user: 'ada' }, {});
    expect(signedIn).toEqual(['ada']);
  });
});
