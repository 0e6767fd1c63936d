-- touch: puts sales on a feed: a zset of the sales of which there is something new, each
-- with a number that rises with every call. Who remembers the highest number that they have
-- seen asks for those from it on. The last sale stays on the feed, so a reader that does not
-- find the number has found that Redis lost it. Stands alone: it speaks of no one sale.
--
-- KEYS  1 the feed
-- ARGV  1 for how many milliseconds the feed remembers  2 ... the sales
-- reply {number}
-- keeps numbers rise, also where the clock steps back

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local keep = tonumber(ARGV[1])
if not keep or keep < 1 or #ARGV < 2 then
  return redis.error_reply('BADCALL touch wants a time and sales')
end

local last = redis.call('ZREVRANGE', KEYS[1], '0', '0', 'WITHSCORES')
local number = math.max((tonumber(last[2]) or 0) + 1, now)
-- Takes no memory, so it is done also where memory is full, and what follows too.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', number - keep))
local text, args = string.format('%.0f', number), {}
for i = 2, #ARGV do
  args[#args + 1], args[#args + 2] = text, ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(args))
return {number}
