-- A name for a log that begins now, from Redis' clock and a process's chance: 12 hex digits of Unix milliseconds, then
-- the chance.  It sorts after those that it replaces, even where a clock was set back.
local function epoch_after(now, chance, stored, known)
  for _, old in ipairs({stored or '', known}) do
    local born = tonumber(string.sub(old, 1, 12), 16)
    if born and born >= now then
      now = born + 1
    end
  end
  return string.format('%012x', now) .. chance
end

-- Has the stored log lost something that the asker knows?
local function is_behind(epoch, offset, known_epoch, known_offset)
  return not epoch or epoch < known_epoch or (epoch == known_epoch and offset < known_offset)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

