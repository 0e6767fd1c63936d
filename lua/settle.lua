-- settle: records that the money of a payment that was due has gone back.
--
-- ARGV  4 payment
-- reply outcome, and the payment's record
--       done      this call settled it
--       already   an earlier call did
--       refused   no refund of it is due
--       unknown   no such payment
-- keeps a payment moves from applied to due to settled, and never back

local b, failure = books()
if not b then return failure end
if #ARGV ~= 4 or ARGV[4] == '' then return redis.error_reply('BADCALL settle wants a payment') end
check_types()
local record = redis.call('HGET', PAYMENTS, 'p:' .. ARGV[4]) or ''

local p = read_payment(record)
local outcome = 'refused'
if not p then
  outcome, record = 'unknown', ''
elseif p.state == 'settled' then
  outcome = 'already'
elseif p.state == 'due' then
  outcome, record = 'done', payment_with(p, {state = 'settled'})
  local fields = {'payment:' .. ARGV[4], record}
  although_full()
  begin_event(b, payload(fields), {})
  change_payment(ARGV[4], p, record)
  end_event(b, fields)
end
return answer(header(b), 'outcome', outcome, 'record', record)
