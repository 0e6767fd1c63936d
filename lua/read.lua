-- read: the poll. What a node that sends no claims needs to know, and all that
-- the allocator needs to plan.
--
-- KEYS  1 {sale}  2 {sale}:plan
-- ARGV  1 node, or '*' for everybody's shares  2 the plan generation it knows
-- reply the header; then id title kind price currency total opens closes limit
--       hold face rules closed held paid; then, for '*', the stock generation of the plan
--       and for each node: name, slice, buffer, tickets claimed
-- keeps nothing: it writes nothing

local sale, failure = books()
if not sale then return failure end
local known = tonumber(ARGV[2])
if not known then return redis.error_reply('BADCALL read wants node and generation') end

local reply = header(sale, ARGV[1], known)
local fields = redis.call('HMGET', KEYS[1], 'id', 'title', 'kind', 'price', 'currency', 'total',
  'opens', 'closes', 'limit', 'hold', 'face', 'rules', 'closed', 'held', 'paid')
for i, value in ipairs(fields) do
  if not value then return redis.error_reply('BROKEN ' .. KEYS[1] .. ' lacks a field of its definition') end
  reply[6 + i] = value
end

if ARGV[1] == '*' then
  local flat, claimed, stock = redis.call('HGETALL', KEYS[2]), {}, '0'
  for i = 1, #flat, 2 do
    if flat[i] == 'stock' then stock = string.match(flat[i + 1], '^%d+$') or '0' end
    local node = string.match(flat[i], '^c:(.+)$')
    if node then claimed[node] = flat[i + 1] end
  end
  reply[#reply + 1] = stock
  for i = 1, #flat, 2 do
    local node = string.match(flat[i], '^a:(.+)$')
    if node then
      local n = #reply
      reply[n + 1] = node
      reply[n + 2], reply[n + 3], reply[n + 4] = share(flat[i + 1], claimed[node])
    end
  end
end
return reply
