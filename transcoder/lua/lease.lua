-- Take or keep the lease of a broadcast.
-- KEYS: 1 lease (string "<publish count> <owner>")
-- ARGV: 1 publish count  2 owner  3 life ms
-- Returns 'held' | 'other <owner>' (of the same encoder session) | 'stale' (a newer encoder session has it)
local mine = ARGV[1] .. ' ' .. ARGV[2]
local current = redis.call('GET', KEYS[1])
if current and current ~= mine then
  local count, owner = string.match(current, '^(%d+) (.*)$')
  if tonumber(count) > tonumber(ARGV[1]) then
    return 'stale'
  end
  if tonumber(count) == tonumber(ARGV[1]) then
    return 'other ' .. owner
  end
end
redis.call('SET', KEYS[1], mine, 'PX', ARGV[3])
return 'held'
