-- Write a broadcast's tails, its master and new records of its spine, all or nothing.
-- KEYS: 1 window (hash)  2 wake (shard channel)  3 spine (list, one JSON record a segment)
-- ARGV: 1 generation  2 life ms  3 records to keep  4 least next sequence  5 number of fields  6… field, value, …
--       then records in order: sequence, JSON.  4: what the spine must reach when no records come.
-- Returns 'written' | 'stale' (another worker has claimed since) | 'ended' | 'hole' (records before these are missing)
-- A writer ahead of the hash remembers what Redis lost: it writes, and its generation stands again.
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then
  return 'ended'
end
if tonumber(redis.call('HGET', KEYS[1], 'generation') or '0') > tonumber(ARGV[1]) then
  return 'stale'
end
local at = 6 + 2 * tonumber(ARGV[5])
local first = tonumber(redis.call('HGET', KEYS[1], 'first') or '-1')
local length = redis.call('LLEN', KEYS[3])
if ARGV[at] then
  local sequence = tonumber(ARGV[at])
  if first < 0 and sequence == 0 then
    first = 0
    redis.call('HSET', KEYS[1], 'first', '0')
  elseif first < 0 or sequence > first + length then
    return 'hole'
  end
elseif math.max(first, 0) + length < tonumber(ARGV[4]) then
  return 'hole'
end
for place = at, #ARGV, 2 do
  if tonumber(ARGV[place]) == first + length then  -- one that stands already is not written again
    redis.call('RPUSH', KEYS[3], ARGV[place + 1])
    length = length + 1
  end
end
local keep = tonumber(ARGV[3])
while length > keep do
  local gone = cjson.decode(redis.call('LPOP', KEYS[3]))
  if gone[6] then
    redis.call('HINCRBY', KEYS[1], 'first_discontinuity', 1)
  end
  first = first + 1
  length = length - 1
  redis.call('HSET', KEYS[1], 'first', string.format('%d', first))
end
if at > 6 then
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], unpack(ARGV, 6, at - 1))
else
  redis.call('HSET', KEYS[1], 'generation', ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('SPUBLISH', KEYS[2], ARGV[1])
return 'written'
