import * as common from '@nestjs/common';
import { NEST } from '../support/nest-version.js';

describe('the Nest that the tests run on', () => {
  it('is the one that was asked for', () => {
    expect(NEST).toBe(Number(process.env['NEST'] ?? 12));
  });

  it('is the one that imports find', () => {
    const onlyInNest12 = 'StandardSchemaValidationPipe';
    expect(onlyInNest12 in common).toBe(NEST === 12);
  });
});
