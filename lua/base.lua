-- base: what nearly every script uses; put before all of it.
--
-- Numbers are doubles: all of ours stay far below 2^53, and int() prints them
-- without an exponent.

local function int(n) return string.format('%.0f', n) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Writes after a script's first write go through here: an error from then on
-- must not look like one that proves that nothing was written.
local function write(...)
  local done = redis.pcall(...)
  if type(done) == 'table' and done.err then
    error({err = 'TORN ' .. done.err})
  end
  return done
end
