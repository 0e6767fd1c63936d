-- orphan: payments for sales that nobody knows. Stands apart from any sale.
--
-- KEYS  1 {onsale:orphans}        hash, as {sale}:payments; the sale, and a blank, comes
--                                 before each record
--       2 {onsale:orphans}:index  zset, as {sale}:index
-- ARGV  1 keep, then sale, payment and record; the record's message names the payment. A
--         payment whose money went back in parts before is kept as settled, and the last
--         part of one settles it
--         settle, then payment
--         list, then state, the place where the page begins or '', and a limit
-- reply list: where the next page begins or '', then payments, records and what went back
--         of each in parts, in turn
--       others: outcome, and the record with its sale, or ''
--       done      this call did it      already   an earlier call did
--       differs   the payment or the message came before with another content
--       unknown   no such payment
-- keeps a payment moves from due to settled, and never back; none is taken twice

local verb = ARGV[1]
-- A key of a wrong type fails here: after the first write it would be too late.
redis.call('HLEN', PAYMENTS)
redis.call('ZCARD', INDEX)

-- What is kept of a payment: all of it, the sale and the rest; or nothing, and an error.
local function kept(payment)
  local whole = redis.call('HGET', PAYMENTS, 'p:' .. payment)
  if not whole then return nil end
  local sale, record = string.match(whole, '^(%S+) (.+)$')
  local p = read_payment(record)
  if not p then return nil, redis.error_reply('BROKEN ' .. PAYMENTS .. ' has a payment that can\'t be read: ' .. payment) end
  p.sale, p.whole = sale, whole
  return p
end

-- Writes a payment that was due as settled, and returns all of it. Others may have written.
local function settle(payment, p)
  local record = payment_with(p, {state = 'settled'})
  write('HSET', PAYMENTS, 'p:' .. payment, p.sale .. ' ' .. record)
  write('ZREM', INDEX, by_state(payment, p))
  write('ZADD', INDEX, '0', by_state(payment, read_payment(record)))
  return p.sale .. ' ' .. record
end

if verb == 'keep' and #ARGV == 4 then
  local sale, payment, record = ARGV[2], ARGV[3], ARGV[4]
  local new = read_payment(record)
  if not new then return redis.error_reply('BADCALL orphan wants the record of a payment') end
  local p, failure = kept(payment)
  if failure then return failure end
  local message = redis.call('HGET', PAYMENTS, 'm:' .. new.message)
  if message and message ~= payment then return {'differs', p and p.whole or ''} end
  if p then
    local same = p.sale == sale and same_payment(p, new)
    return {same and 'already' or 'differs', p.whole}
  end
  local fields, of, total = {'m:' .. new.message, payment}, nil, nil
  if new.of ~= '' then
    of, failure = kept(new.of)
    if failure then return failure end
    local same = not of or of.sale == sale and of.of == '' and of.order == new.order and of.currency == new.currency
    if not same then return {'differs', of.whole} end
    total = refunded(new.of) + tonumber(new.amount)
    if total > COUNTABLE then return {'differs', ''} end
    fields[3], fields[4] = 'r:' .. new.of, int(total)
  elseif is_gone(refunded(payment), new.amount) then
    record = payment_with(new, {state = 'settled'})
    new = read_payment(record)
  end
  redis.call('HDEL', KEYS[1], '') -- also where Redis's memory is full, see although_full in prelude.lua
  redis.call('HSET', PAYMENTS, 'p:' .. payment, sale .. ' ' .. record, unpack(fields))
  write('ZADD', INDEX, '0', by_state(payment, new))
  if of and of.state == 'due' and is_gone(total, of.amount) then settle(new.of, of) end
  return {'done', sale .. ' ' .. record}
elseif verb == 'settle' and #ARGV == 2 then
  local p, failure = kept(ARGV[2])
  if failure then return failure end
  if not p then return {'unknown', ''} end
  if p.state == 'settled' then return {'already', p.whole} end
  redis.call('HDEL', KEYS[1], '') -- also where Redis's memory is full, see although_full in prelude.lua
  return {'done', settle(ARGV[2], p)}
elseif verb == 'list' and #ARGV == 4 and LETTERS[ARGV[2]] and is_limit(ARGV[4]) then
  local page, next = payments_in(ARGV[2], ARGV[3], is_limit(ARGV[4]))
  return {next, unpack(page)}
end
return redis.error_reply('BADCALL orphan wants keep, settle or list')
