-- resolve: takes one order through one transition. Whatever races, one wins.
--
-- ARGV  4 order id, 16 bytes, or '' where it is no id of ours; then
--       cancel, the buyer who asks
--       pay, payment, its record: state, reason and time are not read
--       refund
-- reply outcome; order: as in events, or ''; payment and record: '' where there is none;
--       payments, next: the first of the order's payments after a refund, as in payments.lua
--       done      this call made the transition
--       due       pay: it came too late, twice or as another amount, or for an order
--                 that is not here, and was recorded as a refund that is due; or as
--                 settled where all of it had gone back in parts
--       already   an earlier call did the same
--       refused   the order is in a state that has no such transition
--       differs   pay: the payment or the message came before with another content
--       unknown   no such order, or another buyer's: the caller can't know which
-- keeps P7: an ended order never comes back to life; and no payment is taken twice
--       or forgotten. A hold is paid as long as it is held: its deadline has passed
--       only once expire has ended it, so that the two can't both win.

local b, failure = books()
if not b then return failure end
local id, verb = ARGV[4], ARGV[5]
local arguments = {cancel = 6, pay = 7, refund = 5}
if #ARGV ~= arguments[verb] or (#id ~= 16 and not (id == '' and verb == 'pay')) then
  return redis.error_reply('BADCALL resolve wants an order, then cancel and buyer, pay, payment and record, or refund')
end
local new = verb == 'pay' and read_payment(ARGV[7])
if verb == 'pay' and not (string.match(ARGV[6], '^%S+$') and new and new.of == '') then
  return redis.error_reply('BADCALL resolve wants a payment and the record of a whole one to pay')
end

-- Every key is read before the first write.
check_types()
local t, unreadable = nil, false
if id ~= '' then t, unreadable = find(id, redis.call('HGET', KEYS[4], id)) end
if unreadable then return redis.error_reply('BROKEN ' .. KEYS[4] .. ' has an order that can\'t be read') end
local sold_in = redis.call('HGET', KEYS[1], 'currency')

-- How many payments the answer to a refund has, beside the one that paid.
local FIRST = 100

-- The payment that paid an order, and its record.
local function applied_to(order)
  local payment = redis.call('HGET', PAYMENTS, 'o:' .. order)
  return payment, payment and redis.call('HGET', PAYMENTS, 'p:' .. payment) or ''
end

local function cancel()
  if not t or t.buyer ~= ARGV[6] then return 'unknown' end
  if t.state == 'c' then return 'already' end
  if t.state ~= 'h' then return 'refused' end
  local alone = drop_deadline(b, t)
  release(b, {t}, 'h', 'c')
  if alone then write('ZREM', KEYS[5], t.id) end
  return 'done'
end

local function refund()
  if not t then return 'unknown' end
  local payment, record = applied_to(hex(id))
  if t.state == 'r' then return 'already', payment, record end
  if t.state ~= 'p' then return 'refused' end
  local p, news = read_payment(record), nil
  if p then
    record = payment_with(p, {state = is_gone(refunded(payment), p.amount) and 'settled' or 'due', reason = 'refunded'})
    news = {'payment:' .. payment, record}
  end
  release(b, {t}, 'p', 'r', news)
  if p then change_payment(payment, p, record) end
  return 'done', payment, record
end

-- Why the payment can't pay the order, or '-'.
local function obstacle(amount, currency)
  if not t then return 'orphan' end
  -- A payment for an order that cost nothing.
  if t.state == 'p' and number(t.text, 10, 14) == 0 then return 'amount' end
  if t.state == 'p' then return 'doubled' end
  if t.state ~= 'h' then return 'late' end
  if int(b.price * t.quantity) ~= amount or sold_in ~= currency then return 'amount' end
  return '-'
end

local function pay()
  local payment, message = ARGV[6], new.message
  local before = redis.call('HMGET', PAYMENTS, 'p:' .. payment, 'm:' .. message)
  if before[1] or before[2] then
    local p = read_payment(before[1])
    local same = same_payment(p, new) and (not before[2] or before[2] == payment)
    return same and 'already' or 'differs', before[1] and payment, before[1]
  end

  local reason, state = obstacle(new.amount, new.currency), 'due'
  -- The provider may report that it has returned a payment before it reports the payment.
  if is_gone(refunded(payment), new.amount) then reason, state = reason == '-' and 'returned' or reason, 'settled' end
  if reason ~= '-' then
    local due = payment_with(new, {state = state, reason = reason, at = int(now)})
    local fields = {'payment:' .. payment, due}
    although_full()
    begin_event(b, payload(fields), {})
    add_payment(payment, due, false, 'm:' .. message, payment)
    end_event(b, fields)
    return 'due', payment, due
  end
  local record = payment_with(new, {state = 'applied', reason = '-', at = int(now)})
  t.text = terms_as(t, 'p')
  local fields = {'orders', t.buyer .. '\n' .. t.id .. t.text, 'payment:' .. payment, record}
  local alone = drop_deadline(b, t)
  although_full()
  begin_event(b, payload(fields), {'held', int(b.held - t.quantity), 'paid', int(b.paid + t.quantity), 'dead', int(b.dead)})
  add_payment(payment, record, true, 'm:' .. message, payment, 'o:' .. new.order, payment)
  write('HSET', KEYS[3], t.buyer, t.id .. t.text)
  if alone then write('ZREM', KEYS[5], t.id) end
  end_event(b, fields)
  return 'done', payment, record
end

local outcome, payment, record
if verb == 'cancel' then outcome = cancel()
elseif verb == 'pay' then outcome, payment, record = pay()
else outcome, payment, record = refund() end
local order = t and outcome ~= 'unknown' and row(t) or ''
local reply = answer(header(b), 'outcome', outcome, 'order', order, 'payment', payment or '', 'record', record or '')
if verb ~= 'refund' or order == '' then return reply end
local page, next = payments_for(hex(id), '', FIRST)
return answer(reply, 'payments', page, 'next', next)
