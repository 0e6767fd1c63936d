-- draw: takes the draw of a line one step on. Each step is taken once, and is an event of the
-- sale's stream. The list's hash is recorded before anybody gets to see the seed.
--
-- ARGV  4 freeze, from draw_at on: who joins from then on gets an ordinal
--         list, the hash of the sorted entries of those who were drawn
--         beacon, the value that the sale's beacon has published
--       5 the hash or the value, for freeze ''
-- reply outcome: done     this call took the step
--                already  an earlier call did
--                early    before draw_at, or the step before is missing
--                differs  it was taken with another hash or value
--       line: names and values in turn, of the line as it is since
-- keeps L2 a place never changes: what was drawn, and by what, is for ever

local b, failure = books()
failure = failure or unrecorded(b)
if failure then return failure end
local step, value = ARGV[4], ARGV[5]
local FIELDS = {freeze = 'drawn', list = 'list', beacon = 'beacon_value'}
local field = FIELDS[step or '']
if not field or not value or (step ~= 'freeze' and value == '') then
  return redis.error_reply('BADCALL draw wants freeze, list or beacon, and what it is')
end
check_types()

local names = {'draw_at', 'drawn', 'beacon', 'list', 'beacon_value', 'joined', 'turn', 'front', 'front_at'}
local values, sale = redis.call('HMGET', KEYS[1], unpack(names)), {}
for i, name in ipairs(names) do sale[name] = values[i] or nil end
local draw_at = tonumber(sale.draw_at or '') or 0
if b.admission ~= 'line' or draw_at == 0 or (step == 'beacon' and (sale.beacon or '') == '') then
  return redis.error_reply('BADCALL ' .. KEYS[1] .. ' has no such draw')
end
if step == 'freeze' then value = sale.drawn or int(redis.call('HLEN', KEYS[13])) end

-- A beacon of before the list is known could be chosen for it, or the list for the beacon.
local due = now >= draw_at and (step == 'freeze' or sale.drawn) and (step ~= 'beacon' or sale.list)
local outcome = 'early'
if sale[field] then
  outcome = sale[field] == value and 'already' or 'differs'
elseif due then
  outcome = 'done'
  sale[field] = value
  -- Who has joined may buy although Redis has no memory for more.
  although_full()
  begin_event(b, payload({field, value}), {field, value})
  end_event(b, {field, value})
end
local line = {}
for i = 2, #names do
  if sale[names[i]] then line[#line + 1], line[#line + 2] = names[i], sale[names[i]] end
end
return answer(header(b), 'outcome', outcome, 'line', line)
