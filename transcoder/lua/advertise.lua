-- Say what one worker can carry, and answer with what all living workers say.
-- KEYS: 1 workers (hash: worker → "<Redis' ms at which it ends>:<JSON>"; no worker's own clock counts)
-- ARGV: 1 worker  2 its capacity as JSON  3 ms for which that holds (0: it leaves)
-- Returns the JSON of each
local MOST_MS = 60000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life = tonumber(ARGV[3])
if life > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', now + life) .. ':' .. ARGV[2])
  redis.call('PEXPIRE', KEYS[1], MOST_MS)
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
local living = {}
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local ends, said = string.match(all[at + 1], '^(%d+):(.*)$')
  if ends and tonumber(ends) >= now and tonumber(ends) <= now + MOST_MS then
    living[#living + 1] = said
  else
    redis.call('HDEL', KEYS[1], all[at])
  end
end
return living
