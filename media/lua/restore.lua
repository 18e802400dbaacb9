-- Put a spine back that Redis has lost, from the memory of its writer.
-- KEYS: 1 window (hash)  2 spine (list)
-- ARGV: 1 generation  2 life ms  3 first sequence number  4 its discontinuity number  5… records, contiguous
-- Returns 'written' | 'stale' | 'ended'
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then
  return 'ended'
end
if tonumber(redis.call('HGET', KEYS[1], 'generation') or '0') > tonumber(ARGV[1]) then
  return 'stale'
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'first', ARGV[3], 'first_discontinuity', ARGV[4])
for place = 5, #ARGV do
  redis.call('RPUSH', KEYS[2], ARGV[place])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 'written'
