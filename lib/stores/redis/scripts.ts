import {
  FUNCTIONS,
  lifetime,
  revocationScript,
  sessionScript,
  subjectScript,
} from './redis-script.js';

/**
 * Each operation of the store as one script. Redis runs a script as one step, and refuses it for lack of memory
 * at its first write at the latest, if that is one that takes memory: so those come before any removal.
 */

/**
 * KEYS[3] is the record that the new one replaces. ARGV: limit or '', policy, idle and absolute milliseconds,
 * fields with their values. Returns 'refused', or 'created' and the ids that had to make room.
 */
export const CREATE = subjectScript(`
  ${FUNCTIONS}
  local id = string.sub(KEYS[2], #index + 2)
  local replaced = KEYS[3] and string.sub(KEYS[3], #index + 2)
  local limit = tonumber(ARGV[2])
  local others, leaving = {}, { replaced }
  if limit then
    for _, other in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      if other ~= id and other ~= replaced then
        if lives(other) then
          local began = redis.call('HMGET', keyOf(other), 'createdAt', 'order')
          others[#others + 1] = { other, tonumber(began[1]), tonumber(began[2]) }
        else
          leaving[#leaving + 1] = other
        end
      end
    end
  end
  local surplus = limit and #others + 1 - limit or 0
  if surplus > 0 and ARGV[3] == 'refuse' then
    return { 'refused' }
  end
  for i = 6, #ARGV, 2 do
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
  ${lifetime('now', 'ARGV[4]', 'ARGV[5]')}
  -- Two sign-ins may share a millisecond, so the microseconds keep their order.
  redis.call('HSET', KEYS[2], 'revision', 0, 'generation', 0, 'createdAt', now, 'lastSeenAt', now,
    'rotatedAt', now, 'expiresAt', ends, 'order', clock[1] * 1000000 + clock[2])
  table.sort(others, function(a, b)
    if a[2] == b[2] then
      return a[3] < b[3]
    end
    return a[2] < b[2]
  end)
  local reply = { 'created' }
  for i = 1, math.min(surplus, #others) do
    leaving[#leaving + 1] = others[i][1]
    reply[#reply + 1] = others[i][1]
  end
  for _, other in ipairs(leaving) do
    remove(other)
  end
  keep(id, last)
  return reply
`);

/**
 * ARGV: '1' to note that the session is in use, at most once in so many milliseconds; the revision that is known, or
 * ''. Returns time and fields; the time alone where no newer revision is there.
 */
export const READ = sessionScript(`
  local state = redis.call('HMGET', KEYS[2], 'expiresAt', 'lastSeenAt', 'revision')
  if not kept or not state[1] or now >= tonumber(state[1]) then
    ${FUNCTIONS}
    remove(id)
    return false
  end
  if ARGV[2] == '1' and now >= state[2] + ARGV[3] then
    redis.call('HSET', KEYS[2], 'lastSeenAt', now)
  end
  if ARGV[4] ~= '' and tonumber(state[3]) <= tonumber(ARGV[4]) then
    return now
  end
  return { now, redis.call('HGETALL', KEYS[2]) }
`);

/**
 * judgeRotation in Lua. ARGV: generation, hash of the secret, hash of the next, and in milliseconds grace, idle,
 * absolute, then '1' where that is no activity. Returns the verdict.
 */
export const ROTATE = sessionScript(`
  local state = redis.call('HMGET', KEYS[2],
    'createdAt', 'expiresAt', 'generation', 'hash', 'previousHash', 'rotatedAt')
  local createdAt, expiresAt, generation, hash, previousHash, rotatedAt =
    tonumber(state[1]), tonumber(state[2]), tonumber(state[3]), state[4], state[5], tonumber(state[6])
  local presented, secretHash, nextHash = tonumber(ARGV[2]), ARGV[3], ARGV[4]
  local verdict
  if not kept or not expiresAt then
    verdict = 'unknown'
  elseif now >= expiresAt or now >= createdAt + ARGV[7] then
    verdict = 'expired'
  elseif presented > generation then
    verdict = 'rolled-forward'
  elseif presented == generation then
    verdict = secretHash == hash and 'rotated' or 'reused'
  elseif presented == generation - 1 and secretHash == previousHash and now < rotatedAt + ARGV[5] then
    verdict = 'repeated'
  else
    verdict = 'reused'
  end
  if verdict == 'rotated' or verdict == 'rolled-forward' then
    if ARGV[8] == '1' then
      redis.call('HSET', KEYS[2], 'generation', presented + 1, 'hash', nextHash, 'previousHash', secretHash,
        'rotatedAt', now)
      return verdict
    end
    ${lifetime('createdAt', 'ARGV[6]', 'ARGV[7]')}
    redis.call('HSET', KEYS[2], 'generation', presented + 1, 'hash', nextHash, 'previousHash', secretHash,
      'rotatedAt', now, 'lastSeenAt', now, 'expiresAt', ends)
    if kept < ends or kept > last then
      ${FUNCTIONS}
      keep(id, last)
    end
  elseif verdict ~= 'repeated' then
    ${FUNCTIONS}
    remove(id)
    tidy()
  end
  return verdict
`);

/**
 * ARGV: '1' to raise the revision, data or '', when that was loaded, idle and absolute milliseconds or '', '1' where that
 * is no activity, fields with their new values ('' removes one). Returns time and fields.
 */
export const UPDATE = sessionScript(`
  local state = redis.call('HMGET', KEYS[2], 'expiresAt', 'createdAt', 'loadedAt')
  local expiresAt, createdAt, loadedAt = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])
  local isExtended = ARGV[5] ~= ''
  if not kept or not expiresAt or now >= expiresAt or isExtended and now >= createdAt + ARGV[6] then
    ${FUNCTIONS}
    remove(id)
    return false
  end
  if ARGV[7] ~= '1' then
    redis.call('HSET', KEYS[2], 'lastSeenAt', now)
  end
  if ARGV[2] == '1' then
    redis.call('HINCRBY', KEYS[2], 'revision', 1)
  end
  for i = 8, #ARGV, 2 do
    if ARGV[i + 1] == '' then
      redis.call('HDEL', KEYS[2], ARGV[i])
    else
      redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    end
  end
  if ARGV[3] ~= '' and (not loadedAt or loadedAt <= tonumber(ARGV[4])) then
    redis.call('HSET', KEYS[2], 'data', ARGV[3], 'loadedAt', ARGV[4])
  end
  if isExtended then
    ${lifetime('createdAt', 'ARGV[5]', 'ARGV[6]')}
    redis.call('HSET', KEYS[2], 'expiresAt', ends)
    if kept < ends or kept > last then
      ${FUNCTIONS}
      keep(id, last)
    end
  end
  return { now, redis.call('HGETALL', KEYS[2]) }
`);

/** Returns 1 where there was a session to end. */
export const END = revocationScript(
  sessionScript(`
  ${FUNCTIONS}
  local isAlive = kept and lives(id)
  remove(id)
  tidy()
  return isAlive and 1 or 0
`),
);

/**
 * ARGV: the id that stays, if one does. Returns how many it ended, or nothing where the one that stays has ended.
 * Removing the index ends the sessions. To keep Redis responsive, the script reads and removes only the thousand
 * records that expire first; the others expire by themselves and count as ended by this call.
 */
export const END_ALL = revocationScript(
  subjectScript(`
  ${FUNCTIONS}
  tidy()
  local kept = ARGV[2] and lives(ARGV[2]) and redis.call('ZSCORE', index, ARGV[2])
  if kept then
    redis.call('ZREM', index, ARGV[2])
  elseif ARGV[2] then
    remove(ARGV[2])
    return false
  end
  local ids = redis.call('ZRANGE', index, 0, 999)
  local ended = redis.call('ZCARD', index) - #ids
  for i, id in ipairs(ids) do
    if lives(id) then
      ended = ended + 1
    end
    ids[i] = keyOf(id)
  end
  redis.call('UNLINK', index, unpack(ids))
  if kept then
    keep(ARGV[2], kept)
  end
  return ended
`),
);

/** Returns id, time and fields of each session. */
export const LIST = subjectScript(`
  ${FUNCTIONS}
  local sessions = {}
  for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if lives(id) then
      sessions[#sessions + 1] = { id, now, redis.call('HGETALL', keyOf(id)) }
    else
      remove(id)
    end
  end
  return sessions
`);
