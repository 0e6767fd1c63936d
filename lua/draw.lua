-- draw: takes the draw of a line one step on. Each step is taken once, and is an event of the
-- sale's stream. The list's hash is recorded before anybody gets to see the seed.
--
-- ARGV  4 freeze, from draw_at on: who joins from then on gets an ordinal. Until the list is
--           published, the caller reads the places for it, and calls this again every few
--           seconds: another caller takes over if it does not for five
--         list, the hash of the sorted entries of those who were drawn
--         keep, a part of the entries, which can't be counted anew if Redis loses places
--         beacon, the value that the sale's beacon has published
--       5 the hash or the value, for freeze ''
--       6 of keep the number of the part, from 1 on  7 its entries, 32 bytes each
-- reply outcome: done     this call took the step
--                already  an earlier call did
--                early    before draw_at, or the step before is missing
--                differs  it was taken with another hash or value
--                busy     of freeze: another caller reads the places
--       line: names and values in turn, of the line as it is since
-- keeps L2 a place never changes: what was drawn, and by what, is for ever
--
-- Field of {sale}: drawing, when the caller that reads the places has called last, in Redis
-- milliseconds, and its name.

local b, failure = books()
failure = failure or unrecorded(b)
if failure then return failure end
local step, value = ARGV[4], ARGV[5]
local FIELDS = {freeze = 'drawn', list = 'list', keep = 'list', beacon = 'beacon_value'}
local SILENT = 5000
local field, part, entries = FIELDS[step or ''], ARGV[6], ARGV[7] or ''
if not field or not value or (step ~= 'freeze' and value == '') then
  return redis.error_reply('BADCALL draw wants freeze, list, keep or beacon, and what it is')
end
if step == 'keep' and (not string.match(part or '', '^[1-9]%d*$') or #entries == 0 or #entries % 32 ~= 0) then
  return redis.error_reply('BADCALL draw keeps entries of 32 bytes in numbered parts')
end
check_types()
redis.call('HLEN', KEYS[15])

local names = {'draw_at', 'drawn', 'beacon', 'list', 'beacon_value', 'joined', 'turn', 'front', 'front_at', 'drawing'}
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
if step == 'keep' then
  -- Not past full memory: while the places are there, the entries can be counted anew.
  if sale.list then outcome = sale.list == value and 'done' or 'differs' end
  if outcome == 'done' then redis.call('HSET', KEYS[15], part, entries) end
elseif step == 'freeze' and sale.drawn and not sale.list then
  local at, by = string.match(sale.drawing or '', '^(%d+) (.*)$')
  local silent = at and clock - tonumber(at) or SILENT
  outcome = (by == NODE or silent >= SILENT or silent < 0) and 'already' or 'busy'
  if outcome == 'already' then
    although_full()
    write('HSET', KEYS[1], 'drawing', int(clock) .. ' ' .. NODE)
  end
elseif sale[field] then
  outcome = sale[field] == value and 'already' or 'differs'
elseif due then
  outcome = 'done'
  sale[field] = value
  -- Who has joined may buy although Redis has no memory for more.
  although_full()
  local fields = {field, value}
  if step == 'freeze' then fields[3], fields[4] = 'drawing', int(clock) .. ' ' .. NODE end
  begin_event(b, payload({field, value}), fields)
  end_event(b, {field, value})
end
local line = {}
for i = 2, #names - 1 do
  if sale[names[i]] then line[#line + 1], line[#line + 2] = names[i], sale[names[i]] end
end
return answer(header(b), 'outcome', outcome, 'line', line)
