-- Put a spine back that Redis has lost, from the memory of its writer, with what else it remembers.
-- KEYS: 1 window (hash)  2 wake (shard channel)  3 spine (list)
-- ARGV: 1 generation  2 life ms  3 first sequence number  4 its discontinuity number  5 number of fields
--       6… field, value, …  then records, contiguous
-- Returns 'written' | 'stale' | 'ended'
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then
  return 'ended'
end
if tonumber(redis.call('HGET', KEYS[1], 'generation') or '0') > tonumber(ARGV[1]) then
  return 'stale'
end
local at = 6 + 2 * tonumber(ARGV[5])
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'first', ARGV[3], 'first_discontinuity', ARGV[4],
  unpack(ARGV, 6, at - 1))
for place = at, #ARGV do
  redis.call('RPUSH', KEYS[3], ARGV[place])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('SPUBLISH', KEYS[2], ARGV[1])
return 'written'
