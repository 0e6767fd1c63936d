-- orphan: payments for sales that nobody knows. Stands apart from any sale.
--
-- KEYS  1 {onsale:orphans}        hash, as {sale}:payments; the sale, and a blank, comes
--                                 before each record
--       2 {onsale:orphans}:index  zset, as {sale}:index
-- ARGV  1 keep, then sale, payment and record; the record's message names the payment
--         settle, then payment
--         list, then state, the place where the page begins or '', and a limit
-- reply list: where the next page begins or '', then payments and records in turn
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

if verb == 'keep' and #ARGV == 4 then
  local sale, payment, record = ARGV[2], ARGV[3], ARGV[4]
  local new = read_payment(record)
  if not new then return redis.error_reply('BADCALL orphan wants the record of a payment') end
  local p, failure = kept(payment)
  if failure then return failure end
  local message = redis.call('HGET', PAYMENTS, 'm:' .. new.message)
  if message and message ~= payment then return {'differs', p and p.whole or ''} end
  if p then
    local same = p.sale == sale and p.order == new.order and p.amount == new.amount and p.currency == new.currency
    return {same and 'already' or 'differs', p.whole}
  end
  redis.call('HDEL', KEYS[1], '') -- also where Redis's memory is full, see although_full in prelude.lua
  redis.call('HSET', PAYMENTS, 'p:' .. payment, sale .. ' ' .. record, 'm:' .. new.message, payment)
  write('ZADD', INDEX, '0', by_state(payment, new))
  return {'done', sale .. ' ' .. record}
elseif verb == 'settle' and #ARGV == 2 then
  local p, failure = kept(ARGV[2])
  if failure then return failure end
  if not p then return {'unknown', ''} end
  if p.state == 'settled' then return {'already', p.whole} end
  local record = payment_as(p, 'settled', p.reason)
  redis.call('HDEL', KEYS[1], '') -- also where Redis's memory is full, see although_full in prelude.lua
  redis.call('HSET', PAYMENTS, 'p:' .. ARGV[2], p.sale .. ' ' .. record)
  write('ZREM', INDEX, by_state(ARGV[2], p))
  write('ZADD', INDEX, '0', by_state(ARGV[2], read_payment(record)))
  return {'done', p.sale .. ' ' .. record}
elseif verb == 'list' and #ARGV == 4 and LETTERS[ARGV[2]] and is_limit(ARGV[4]) then
  local page, next = payments_in(ARGV[2], ARGV[3], is_limit(ARGV[4]))
  return {next, unpack(page)}
end
return redis.error_reply('BADCALL orphan wants keep, settle or list')
