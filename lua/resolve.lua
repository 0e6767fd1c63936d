-- resolve: takes one order through one transition. Whatever races, one wins.
--
-- KEYS  as in deduct, and 7 {sale}:payments, a hash:
--       p:<payment> = its record     o:<order> = the payment applied to it
--       m:<message> = the payment that the message told of
-- ARGV  1 node  2 the plan generation it knows  3 order id, and then
--       cancel, the buyer who asks
--       pay, payment, message, amount, currency
--       refund
-- reply the header, then an outcome, the order's record, and the payment's id and
--       record ('' where there is none):
--       done      this call made the transition
--       due       pay: it came too late, twice or as another amount, and was
--                 recorded as a refund that is due
--       already   an earlier call did the same
--       refused   the order is in a state that has no such transition
--       differs   pay: the payment or the message was told of before, otherwise
--       unknown   no such order, or another buyer's: the caller can't tell which
-- keeps P7: an ended order never comes back to life; and no payment is taken twice
--       or forgotten. A hold is paid as long as it is held: its deadline has passed
--       only once expire has ended it, so that the two can't both win.

local sale, failure = books()
if not sale then return failure end
local known = tonumber(ARGV[2])
local arguments = {cancel = 5, pay = 8, refund = 4}
if not known or ARGV[3] == '' or #ARGV ~= arguments[ARGV[4]] then
  return redis.error_reply('BADCALL resolve wants node, generation, order, then cancel and buyer, pay and four words, or refund')
end
if ARGV[4] == 'pay' and not (string.match(ARGV[5], '^%S+$') and string.match(ARGV[6], '^%S+$')
    and string.match(ARGV[7], '^%d+$') and string.match(ARGV[8], '^%u+$')) then
  return redis.error_reply('BADCALL resolve wants a payment, a message, an amount and a currency to pay')
end

-- Every key is read before the first write.
local id = ARGV[3]
local record = redis.call('HGET', KEYS[4], id) or ''
local state, quantity, rest, buyer = string.match(record, '^(%a+) (%d+) (%d+ %d+ (.*))$')
local applied = redis.call('HGET', KEYS[7], 'o:' .. id)
local paid_by = applied and redis.call('HGET', KEYS[7], 'p:' .. applied) or ''
local function named(payment, kept) return kept and kept ~= '' and payment .. ' ' .. kept or '' end
local price = redis.call('HMGET', KEYS[1], 'price', 'currency')
if not tonumber(price[1]) then return redis.error_reply('BROKEN ' .. KEYS[1] .. ' has no number in price') end
redis.call('HLEN', KEYS[3])
redis.call('ZCARD', KEYS[5])
redis.call('XLEN', KEYS[6])

local function cancel()
  if buyer ~= ARGV[5] then return 'unknown', '', '' end
  if state == 'cancelled' then return 'already', record, '' end
  if state ~= 'held' then return 'refused', record, '' end
  release(sale, {id}, 'held', 'cancelled')
  return 'done', redis.call('HGET', KEYS[4], id), ''
end

local function refund()
  if state == 'refunded' then return 'already', record, named(applied, paid_by) end
  if state ~= 'paid' then return 'refused', record, '' end
  local p, news = read_payment(paid_by), nil
  if p then
    paid_by = payment_as(p, 'due', 'refunded')
    redis.call('HSET', KEYS[7], 'p:' .. applied, paid_by)
    news = {'payment:' .. applied, paid_by}
  end
  release(sale, {id}, 'paid', 'refunded', news)
  return 'done', redis.call('HGET', KEYS[4], id), named(applied, paid_by)
end

local function pay()
  local payment, message, amount, currency = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
  local told = redis.call('HMGET', KEYS[7], 'p:' .. payment, 'm:' .. message)
  if told[1] or told[2] then
    local p = read_payment(told[1])
    local same = p and p.order == id and p.amount == amount and p.currency == currency
      and (not told[2] or told[2] == payment)
    return same and 'already' or 'differs', record, named(payment, told[1])
  end

  local reason = '-'
  if state == 'paid' then
    reason = 'doubled'
  elseif state ~= 'held' then
    reason = 'late'
  elseif int(tonumber(price[1]) * tonumber(quantity)) ~= amount or price[2] ~= currency then
    reason = 'amount'
  end

  if reason ~= '-' then
    local due = payment_record('due', reason, amount, currency, int(now), id, message)
    redis.call('HSET', KEYS[7], 'p:' .. payment, due, 'm:' .. message, payment)
    redis.call('XADD', KEYS[6], '*', 'payment:' .. payment, due)
    return 'due', record, named(payment, due)
  end
  local taken = payment_record('applied', '-', amount, currency, int(now), id, message)
  record = 'paid ' .. quantity .. ' ' .. rest
  redis.call('HSET', KEYS[7], 'p:' .. payment, taken, 'm:' .. message, payment, 'o:' .. id, payment)
  redis.call('HSET', KEYS[4], id, record)
  redis.call('ZREM', KEYS[5], id)
  redis.call('XADD', KEYS[6], '*', id, record, 'payment:' .. payment, taken)
  local count = tonumber(quantity)
  redis.call('HSET', KEYS[1], 'held', int(sale.held - count), 'paid', int(sale.paid + count))
  return 'done', record, named(payment, taken)
end

local outcome, order, payment = 'unknown', '', ''
if state then
  if ARGV[4] == 'cancel' then outcome, order, payment = cancel()
  elseif ARGV[4] == 'pay' then outcome, order, payment = pay()
  else outcome, order, payment = refund() end
end

local reply = header(sale, ARGV[1], known)
reply[7], reply[8], reply[9] = outcome, order, payment
return reply
