-- read: the poll. What a node that sends no claims needs to know, and all that
-- the allocator needs to plan.
--
-- KEYS  1 {sale}  2 {sale}:plan
-- ARGV  1 node, or '*' for everybody's shares  2 the plan generation it knows
--       then the names of the fields of {sale} that are wanted
-- reply the header; then a list, the names and values in turn of those that {sale}
--       has; then, for '*', the stock generation of the plan
--       and for each node: name, slice, buffer, tickets claimed
-- keeps nothing: it writes nothing

local sale, failure = books()
if not sale then return failure end
local known = tonumber(ARGV[2])
if not known or #ARGV < 3 then return redis.error_reply('BADCALL read wants node, generation and names') end

local reply = header(sale, ARGV[1], known)
local names, fields = {}, {}
for i = 3, #ARGV do names[i - 2] = ARGV[i] end
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
  if value then
    fields[#fields + 1] = names[i]
    fields[#fields + 1] = value
  end
end
reply[7] = fields

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
