import {
  FUNCTIONS,
  LAST_CREATED,
  lifetime,
  redisScript,
  revocationScript,
  subjectReader,
  subjectWriter,
  WHERE_WRITES_ARE,
} from './redis-script.js';

/**
 * Each operation on the sessions of a subject is one script. Redis runs a script as one step. If it lacks memory, it
 * refuses the script at the first write at the latest, provided that this write takes memory. So such writes come
 * before any removal.
 *
 * ARGV[1] moves the clock. In scripts that write, ARGV[2] and ARGV[3] are the deadline.
 */

/** Milliseconds for which the last sign-in of a subject is noted: longer than any call is in flight. */
const BEGUN_LIFE = 180_000;
/** A subject has more sessions than this only if no limit was set. Then those that end last are not considered. */
const MOST_COUNTED = 10_000;

/**
 * KEYS[3] is the record that the new one replaces. ARGV: limit or '', policy, grace milliseconds or '', idle and
 * absolute milliseconds, fields with their values. Returns 'refused'; or 'created' and the ids that made room; or
 * 'unread' and the ids whose records would decide but are not here.
 */
export const CREATE = subjectWriter(`
  ${FUNCTIONS}
  local id = string.sub(KEYS[2], #index + 2)
  local replaced = KEYS[3] and string.sub(KEYS[3], #index + 2)
  local limit = tonumber(ARGV[4])
  local leaving, reply = { replaced }, { 'created' }
  -- whoMakesRoom in Lua, if the index has reached the limit.
  if limit and redis.call('ZCARD', index) >= limit then
    local grace, others, used, unread = tonumber(ARGV[6]), {}, 0, { 'unread' }
    for _, other in ipairs(redis.call('ZRANGE', index, 0, ${MOST_COUNTED - 1})) do
      local life = other ~= id and other ~= replaced and lives(other)
      if life == 'unread' then
        unread[#unread + 1] = other
      elseif life then
        local state = redis.call('HMGET', keyOf(other), 'createdAt', 'order', 'generation', 'usedAt', 'hash')
        local isUsed = not grace or state[3] ~= '0' or state[4] ~= '' or not state[5] or now < state[1] + grace
        used = used + (isUsed and 1 or 0)
        others[#others + 1] = { other, isUsed, tonumber(state[1]), tonumber(state[2]) }
      elseif other ~= id and other ~= replaced then
        leaving[#leaving + 1] = other
      end
    end
    local surplus = #others + #unread - limit
    if surplus > 0 and #unread > 1 then
      return unread
    end
    if ARGV[5] == 'refuse' and used + 1 > limit then
      return { 'refused' }
    end
    table.sort(others, function(a, b)
      if a[2] ~= b[2] then
        return b[2]
      end
      if a[3] == b[3] then
        return a[4] < b[4]
      end
      return a[3] < b[3]
    end)
    for i = 1, math.min(surplus, #others) do
      leaving[#leaving + 1] = others[i][1]
      reply[#reply + 1] = others[i][1]
    end
  end
  for i = 9, #ARGV, 2 do
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
  ${lifetime('now', 'ARGV[7]', 'ARGV[8]')}
  -- Two sign-ins may share a millisecond, so the microseconds keep their order.
  redis.call('HSET', KEYS[2], 'revision', 0, 'generation', 0, 'usedAt', '', 'createdAt', now, 'lastSeenAt', now,
    'rotatedAt', now, 'expiresAt', ends, 'order', clock[1] * 1000000 + clock[2])
  redis.call('SET', index .. '${LAST_CREATED}', now, 'PX', ${BEGUN_LIFE})
  for _, other in ipairs(leaving) do
    remove(other)
  end
  keep(id, last)
  return reply
`);

/**
 * KEYS[2] is the record to spare, if any. ARGV: spares sessions created after this millisecond too, or ''. Returns how
 * many it ended, or nothing if the session to spare has ended. A session ends when the index loses it. To keep Redis
 * responsive, the script reads and removes only the thousand records that expire first; the others expire by themselves
 * and count as ended by this call. It reads all of them only if a session was just created.
 */
export const END_ALL = revocationScript(
  subjectWriter(`
  ${WHERE_WRITES_ARE}
  ${FUNCTIONS}
  tidy()
  local staying = {}
  if KEYS[2] then
    local id = string.sub(KEYS[2], #index + 2)
    local kept = redis.call('ZSCORE', index, id)
    if not kept or lives(id) ~= true then
      remove(id)
      return false
    end
    staying[1] = { id, kept }
  end
  local last = tonumber(ARGV[4])
  if last and (tonumber(redis.call('GET', index .. '${LAST_CREATED}')) or 0) > last then
    for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      if (tonumber(redis.call('HGET', keyOf(id), 'createdAt')) or 0) > last and KEYS[2] ~= keyOf(id) then
        staying[#staying + 1] = { id, redis.call('ZSCORE', index, id) }
      end
    end
  end
  local ranks, stays = {}, {}
  for i, each in ipairs(staying) do
    ranks[i] = redis.call('ZRANK', index, each[1])
    stays[each[1]] = true
  end
  table.sort(ranks)
  local ended, keys = redis.call('ZCARD', index) - #staying, {}
  for _, id in ipairs(redis.call('ZRANGE', index, 0, 999 + #staying)) do
    if not stays[id] then
      ended = ended - (lives(id) and 0 or 1)
      keys[#keys + 1] = keyOf(id)
    end
  end
  if #keys > 0 then
    redis.call('UNLINK', unpack(keys))
  end
  -- Removes the ranges between those that stay, from the last one down. Never the index itself: a key that is removed
  -- from a moving slot cannot be written there again.
  local top = redis.call('ZCARD', index) - 1
  for i = #ranks, 0, -1 do
    local bottom = (ranks[i] or -1) + 1
    if bottom <= top then
      redis.call('ZREMRANGEBYRANK', index, bottom, top)
    end
    top = bottom - 2
  end
  for _, each in ipairs(staying) do
    keep(each[1], each[2])
  end
  tidy()
  return ended
`),
);

/**
 * ARGV: maximum number; id of the session before the first one, or ''. Returns id, time and fields of each session, and
 * the ids of sessions whose records are not here.
 */
export const LIST = subjectReader(`
  ${FUNCTIONS}
  local sessions, unread, expired = {}, {}, {}
  local limit = tonumber(ARGV[2])
  local rank = ARGV[3] ~= '' and redis.call('ZREVRANK', index, ARGV[3])
  rank = rank and rank + 1 or 0
  while #sessions < limit do
    local ids = redis.call('ZREVRANGE', index, rank, rank + limit - #sessions - 1)
    if #ids == 0 then
      break
    end
    rank = rank + #ids
    for _, id in ipairs(ids) do
      local life = lives(id)
      if life == 'unread' then
        unread[#unread + 1] = id
      elseif life then
        sessions[#sessions + 1] = { id, now, redis.call('HGETALL', keyOf(id)) }
      else
        expired[#expired + 1] = id
      end
    end
  end
  for _, id in ipairs(expired) do
    remove(id)
  end
  return { sessions, unread }
`);

/**
 * KEYS: the index, and records that it names but that were missing. Removes those that do not exist from the index. All
 * keys are named here, so that a cluster node that has only some of them refuses instead.
 */
export const FORGET_EVICTED = redisScript(`
  for i = 2, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 0 then
      redis.call('ZREM', KEYS[1], string.sub(KEYS[i], #KEYS[1] + 2))
    end
  end
  return 1
`);
