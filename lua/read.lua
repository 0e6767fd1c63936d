-- read: the poll. What a node that sends no claims needs to know, and all that the
-- allocator needs to plan.
--
-- ARGV  1 a node, or '*' for everybody's shares, also of a sale that is shut
--       4 ... the fields of {sale} that are wanted
-- reply sale: names and values in turn, of those that are there; and for '*' planned:
--       the stock generation of the plan; shares: for each node its name, its record
--       and the tickets claimed; lost: why the sale is shut, or ''
-- keeps nothing: it writes nothing but what the prelude does

local everybody = ARGV[1] == '*'
local b, failure = books(everybody)
if not b then return failure end

if #ARGV < 4 then return redis.error_reply('BADCALL read wants names of fields') end

local values, fields = redis.call('HMGET', KEYS[1], unpack(ARGV, 4)), {}
for i = 4, #ARGV do
  local value = values[i - 3]
  if value then fields[#fields + 1], fields[#fields + 2] = ARGV[i], value end
end
local reply = answer(header(b), 'sale', fields)
if not everybody then return reply end

local plan, claimed, shares, stock = redis.call('HGETALL', KEYS[2]), {}, {}, '0'
for i = 1, #plan, 2 do
  if plan[i] == 'stock' then stock = string.match(plan[i + 1], '^%d+$') or '0' end
  local node = string.match(plan[i], '^c:(.+)$')
  if node then claimed[node] = plan[i + 1] end
end
for i = 1, #plan, 2 do
  local node = string.match(plan[i], '^a:(.+)$')
  if node then
    local n = #shares
    local _, _, tickets = share(plan[i + 1], claimed[node])
    shares[n + 1], shares[n + 2], shares[n + 3] = node, plan[i + 1], tickets
  end
end
return answer(reply, 'planned', stock, 'shares', shares, 'lost', b.lost)
