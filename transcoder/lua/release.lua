-- Let go of a lease, if it is still ours.
-- KEYS: 1 lease
-- ARGV: 1 publish count  2 owner
if redis.call('GET', KEYS[1]) == ARGV[1] .. ' ' .. ARGV[2] then
  return redis.call('DEL', KEYS[1])
end
return 0
