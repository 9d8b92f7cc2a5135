import { Module } from '@nestjs/common';
import { Revocations } from './revocations.js';

@Module({ providers: [Revocations], exports: [Revocations] })
export class RevocationsModule {}
