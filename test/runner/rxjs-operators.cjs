/** `rxjs/operators` of the single file that `jest.config.mjs` maps `rxjs` to. */
module.exports = require('rxjs').operators;
