import { jest } from '@jest/globals';
import {
  Logger,
  type INestApplication,
  type LoggerService,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** Runs the `main.ts` of a page, and returns the application that it has started. */
export async function runMain(
  path: string,
  logger: LoggerService,
): Promise<INestApplication> {
  Logger.overrideLogger(logger);
  const create = jest.spyOn(NestFactory, 'create');
  try {
    await import(path);
    return (await create.mock.results[0]!.value) as INestApplication;
  } finally {
    create.mockRestore();
  }
}
