/** Every metric and its unit, in an application with a store, a log, a loader and refresh tokens. */
export const RECORDED: Readonly<Record<string, string>> = {
  'nestjs_session.verifications': '{verification}',
  'nestjs_session.token_cache.lookups': '{lookup}',
  'nestjs_session.created': '{session}',
  'nestjs_session.refreshes': '{refresh}',
  'nestjs_session.refresh_reuses': '{reuse}',
  'nestjs_session.revocations': '{revocation}',
  'nestjs_session.connections': '{connection}',
  'nestjs_session.revocation_log.lag': 's',
  'nestjs_session.revocation_log.entries': '{revocation}',
  'nestjs_session.revocation_log.unconfirmed': '{revocation}',
  'nestjs_session.revocation_log.call.duration': 's',
  'nestjs_session.store.call.duration': 's',
  'nestjs_session.loader.call.duration': 's',
  'nestjs_session.health': '{part}',
};
