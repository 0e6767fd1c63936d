-- restock: changes a sale's total by an audited delta.
--
-- ARGV  4 delta (may be negative)  5 idempotency key of the change  6 largest total
-- reply outcome, and the total:
--       done      this call made the change
--       already   an earlier call with this key made the same one
--       refused   the key was used for another delta, or the total would fall
--                 below held + paid or rise above the largest
-- keeps total >= held + paid, and every change of total stands in the stream

local b, failure = books()
if not b then return failure end
local delta, largest = tonumber(ARGV[4]), tonumber(ARGV[6])
if not delta or not largest or delta == 0 or delta ~= math.floor(delta) or ARGV[5] == '' then
  return redis.error_reply('BADCALL restock wants a whole delta other than 0, a key and the largest total')
end
check_types()

local field = 'change:' .. ARGV[5]
local before = redis.call('HGET', KEYS[1], field)
local outcome
if before then
  outcome = (tonumber(before) == delta) and 'already' or 'refused'
elseif b.remaining + delta < 0 or b.total + delta > largest then
  outcome = 'refused'
else
  outcome = 'done'
  b.total, b.remaining = b.total + delta, b.remaining + delta
  b.stock = next_generation(b.stock)
  local fields = {'sale', 'restocked', 'delta', int(delta), 'key', ARGV[5]}
  -- What is added would be sold, and that takes memory.
  if delta < 0 then although_full() end
  begin_event(b, payload(fields), {'total', int(b.total), 'remaining', int(b.remaining),
    'stock', int(b.stock), field, int(delta)})
  end_event(b, fields)
end
return answer(header(b), 'outcome', outcome, 'total', b.total)
