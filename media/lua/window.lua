-- Write a broadcast's multivariant description and any of its renditions' windows, all or nothing.
-- KEYS: 1 window (hash)  2 wake (shard channel)
-- ARGV: 1 generation  2 life ms  3… field, value, field, value
-- Returns 'written' | 'stale' (another worker has claimed since) | 'ended'
-- A writer ahead of the hash remembers what Redis lost: it writes, and its generation stands again.
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then
  return 'ended'
end
if tonumber(redis.call('HGET', KEYS[1], 'generation') or '0') > tonumber(ARGV[1]) then
  return 'stale'
end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SPUBLISH', KEYS[2], ARGV[1])
return 'written'
