-- Take records off the beginning of a spine.
-- KEYS: 1 window (hash)  2 spine (list)
-- ARGV: 1 the sequence number to begin with
-- Returns how many records are gone; the last one stays.
local first = tonumber(redis.call('HGET', KEYS[1], 'first') or '-1')
local gone = 0
while first >= 0 and first < tonumber(ARGV[1]) and redis.call('LLEN', KEYS[2]) > 1 do
  if cjson.decode(redis.call('LPOP', KEYS[2]))[6] then
    redis.call('HINCRBY', KEYS[1], 'first_discontinuity', 1)
  end
  first = first + 1
  gone = gone + 1
end
if gone > 0 then
  redis.call('HSET', KEYS[1], 'first', string.format('%d', first))
end
return gone
