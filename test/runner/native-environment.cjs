const { ModernFakeTimers } = require('@jest/fake-timers');
const { ModuleMocker } = require('jest-mock');

/**
 * Specs run in the realm of Node itself, one after the other: a context of `node:vm` for each would have other
 * built-in classes than the packages, and slow access to every global. What a spec sets globally is undone after it.
 */
module.exports = class NativeEnvironment {
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  #globals = Object.getOwnPropertyDescriptors(globalThis);
  #variables = { ...process.env };
  #exit = process.exit;

  constructor({ projectConfig: config }) {
    this.fakeTimersModern = new ModernFakeTimers({
      config,
      global: globalThis,
    });
  }

  setup() {
    // As in Node. Jest wants 100, which makes every error expensive.
    Error.stackTraceLimit = 10;
  }

  teardown() {
    this.fakeTimersModern.dispose();
    process.exit = this.#exit;
    restore(process.env, Object.getOwnPropertyDescriptors(this.#variables));
    restore(globalThis, this.#globals);
  }

  /** Globals of a package, which only sets them when it is loaded. */
  keep(keys) {
    for (const key of keys) {
      this.#globals[key] = Object.getOwnPropertyDescriptor(globalThis, key);
    }
  }

  getVmContext() {
    return null;
  }
};

function restore(target, properties) {
  for (const key of Reflect.ownKeys(target)) {
    if (!(key in properties)) {
      Reflect.deleteProperty(target, key);
    }
  }
  Object.defineProperties(target, properties);
}
