-- roll: the list of those who run. Stands alone: it speaks of no sale.
--
-- KEYS  1 the roll: zset, name by the moment until which it counts (Redis milliseconds)
-- ARGV  1 the caller  2 how long it counts, in milliseconds; 0 strikes it off
-- reply {now, how many are on the roll}
-- keeps whoever has not been heard of for so long is struck off

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ttl = tonumber(ARGV[2])
if not ttl or ttl < 0 or not ARGV[1] or ARGV[1] == '' then
  return redis.error_reply('BADCALL roll wants a caller and a time')
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if ttl == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ttl), ARGV[1])
end
return {now, redis.call('ZCARD', KEYS[1])}
