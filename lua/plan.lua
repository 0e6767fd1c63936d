-- plan: replaces the plan by a new generation.
--
-- KEYS  1 {sale}  2 {sale}:plan
-- ARGV  1 fencing token of the caller's lease  2 stock generation planned for,
--       then for each node: name, slice, buffer
-- reply the header, then:
--       planned   plan is the new generation
--       fenced    a later token has been here: the caller's lease is over
--       stale     stock returned since the caller read it
-- keeps a plan never outlives the lease that made it, and never speaks of
--       stock that it has not seen; counts of claims start again at nothing

local sale, failure = books()
if not sale then return failure end
local token, stock = tonumber(ARGV[1]), tonumber(ARGV[2])
if not token or not stock or #ARGV < 5 or (#ARGV - 2) % 3 ~= 0 then
  return redis.error_reply('BADCALL plan wants token, stock generation and three arguments a node')
end
local fields = {'stock', int(stock)}
for i = 3, #ARGV, 3 do
  local slice, buffer = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  if ARGV[i] == '' or not slice or not buffer or slice < 0 or buffer < 0 then
    return redis.error_reply('BADCALL the share of ' .. ARGV[i] .. ' is malformed')
  end
  fields[#fields + 1] = 'a:' .. ARGV[i]
  fields[#fields + 1] = int(slice) .. ' ' .. int(buffer)
end

local outcome = 'planned'
if token < sale.fence then
  outcome = 'fenced'
elseif stock ~= sale.stock then
  outcome = 'stale'
else
  sale.plan = next_generation(sale.plan)
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], unpack(fields))
  redis.call('HSET', KEYS[1], 'plan', int(sale.plan), 'fence', int(token))
end
return {now, sale.remaining, sale.stock, sale.plan, -1, 0, outcome}
