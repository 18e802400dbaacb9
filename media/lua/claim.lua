-- Take a broadcast's window over: everybody with an older generation can write no more.
-- KEYS: 1 window (hash)
-- ARGV: 1 life ms
-- Returns the new generation, or 0 when the broadcast has ended.
-- Generations follow Unix seconds, so that they grow even when Redis has lost the last one: segment names contain them.
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then
  return 0
end
local known = tonumber(redis.call('HGET', KEYS[1], 'generation') or '0')
local generation = math.max(known + 1, tonumber(redis.call('TIME')[1]))
redis.call('HSET', KEYS[1], 'generation', string.format('%d', generation))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return generation
