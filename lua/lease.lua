-- lease: one holder at a time, and a fencing token that rises with each new one.
-- Stands alone: it speaks of no sale.
--
-- KEYS  1 the lease: hash of holder, token, until (Redis milliseconds)
-- ARGV  1 the caller  2 how long, in milliseconds; 0 gives the lease up
-- reply {now, token, until, holder}; the caller holds the lease if it is the holder
-- keeps two holders never have the same token, and the later one's is higher,
--       also after data loss: a token is max(old + 1, now). The hash outlives the
--       lease by a day so that a clock stepping back can't lower it.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ttl = tonumber(ARGV[2])
if not ttl or ttl < 0 or not ARGV[1] or ARGV[1] == '' then
  return redis.error_reply('BADCALL lease wants a caller and a time')
end

-- What frees memory runs under a lease: so it is given also where memory is full, see
-- although_full in prelude.lua.
redis.call('HDEL', KEYS[1], '')
local lease = redis.call('HMGET', KEYS[1], 'holder', 'token', 'until')
local holder, token, ends = lease[1] or '', tonumber(lease[2] or '0'), tonumber(lease[3] or '0')
-- No lease is held for ten minutes at once: one that seems to be was held before the clock
-- was set back.
local LONGEST = 600000
local free = now >= ends or (ends > now + LONGEST and holder ~= ARGV[1])

if ttl == 0 then
  if holder == ARGV[1] and not free then
    ends = now
    redis.call('HSET', KEYS[1], 'until', string.format('%.0f', ends))
  end
  holder = ''
elseif free or holder == ARGV[1] then
  if free then token = math.max(token + 1, now) end
  holder, ends = ARGV[1], now + ttl
  redis.call('HSET', KEYS[1], 'holder', holder, 'token', string.format('%.0f', token), 'until', string.format('%.0f', ends))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ttl + 86400000))
end
return {now, token, ends, holder}
