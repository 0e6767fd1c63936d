-- plan: replaces the plan by a new generation.
--
-- ARGV  4 fencing token of the caller's lease  5 stock generation planned for,
--       then for each node: name and record, see share in prelude.lua
-- reply outcome:
--       planned   plan is the new generation
--       fenced    a later token has been here: the caller's lease is over
--       stale     stock returned since the caller read it
-- keeps a plan never outlives the lease that made it, and never speaks of
--       stock that it has not seen; counts of claims start again at nothing

local b, failure = books()
if not b then return failure end
local token, stock = tonumber(ARGV[4]), tonumber(ARGV[5])
if not token or not stock or #ARGV < 7 or #ARGV % 2 ~= 1 then
  return redis.error_reply('BADCALL plan wants token, stock generation and two arguments per node')
end
local fields = {'stock', int(stock)}
for i = 6, #ARGV, 2 do
  if ARGV[i] == '' or not is_share(ARGV[i + 1]) then
    return redis.error_reply('BADCALL the share of ' .. ARGV[i] .. ' is malformed')
  end
  fields[#fields + 1] = 'a:' .. ARGV[i]
  fields[#fields + 1] = ARGV[i + 1]
end

local outcome = 'planned'
if token < b.fence then
  outcome = 'fenced'
elseif stock ~= b.stock then
  outcome = 'stale'
else
  b.plan = next_generation(b.plan)
  redis.call('DEL', KEYS[2]) -- first: a plan is written also where memory is full
  write('HSET', KEYS[2], unpack(fields))
  write('HSET', KEYS[1], 'plan', int(b.plan), 'fence', int(token))
end
-- The caller's own share is not asked for: it sells nothing.
KNOWN = b.plan
return answer(header(b), 'outcome', outcome)
