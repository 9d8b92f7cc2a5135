import { Controller, HttpCode, Post, UseGuards } from '@nestjs/common';
import { Public, SessionService } from 'nestjs-session-jwt';
import { KeyVault } from './key-vault.js';
import { OperatorGuard } from './operator.guard.js';

/** Changes keys while the application runs, for this demonstration. Your secret manager has commands for it. */
@Public()
@UseGuards(OperatorGuard)
@Controller('keys')
export class KeysController {
  constructor(
    private readonly vault: KeyVault,
    private readonly sessions: SessionService,
  ) {}

  @Post('prepare')
  @HttpCode(200)
  prepare() {
    this.vault.prepare();
    return this.apply();
  }

  @Post('activate')
  @HttpCode(200)
  activate() {
    this.vault.activate();
    return this.apply();
  }

  @Post('remove')
  @HttpCode(200)
  remove() {
    this.vault.remove();
    return this.apply();
  }

  @Post('replace')
  @HttpCode(200)
  replace() {
    this.vault.replace();
    return this.apply();
  }

  /** This process knows at once; further ones would know when their keys are `keyCache.maxAge` old. */
  private async apply() {
    await this.sessions.reloadKeys();
    return { keys: this.vault.states };
  }
}
