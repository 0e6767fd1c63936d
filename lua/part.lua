-- part: records a part of a payment, which goes back or has while its order stays as it is.
--
-- ARGV  4 order id, 16 bytes, or '' where it is no id of ours; then
--       ask, part, amount: an operator wants so much of what paid the order to go back
--       report, part, its record: it has gone back, as the provider reports; state and time
--         are not read. The payment that it is a part of may be reported later
-- reply outcome; order: as in events, or ''; payment and record: the part's, '' where there
--       is none; left: ask: how much of the payment may go back, before this call;
--       payments, next: the first of the order's payments after ask, as in payments.lua
--       done      this call recorded it, or settled one that was asked for
--       already   an earlier call did
--       differs   the part, its message or its payment came before with another content
--       unknown   ask: no such order
--       refused   ask: no payment has paid the order, or it is paid no more
--       excess    ask: less than this is left; report: beyond what can be counted
-- keeps a payment that is due has something left to go back: it is settled with its last part

local b, failure = books()
if not b then return failure end
local id, verb = ARGV[4], ARGV[5]
local function wants(i, pattern) return string.match(ARGV[i] or '', pattern) end
local ask = verb == 'ask' and #ARGV == 7 and #id == 16 and wants(6, '^%S+$') and wants(7, '^%d+$')
local new = verb == 'report' and #ARGV == 7 and (#id == 16 or id == '') and wants(6, '^%S+$') and read_payment(ARGV[7])
local report = new and new.of ~= '' and new.reason ~= '-'
if not ask and not report then
  return redis.error_reply('BADCALL part wants an order, then ask, part and amount, or report, part and its record')
end

-- Every key is read before the first write.
check_types()
local t, unreadable = nil, false
if id ~= '' then t, unreadable = find(id, redis.call('HGET', KEYS[4], id)) end
if unreadable then return redis.error_reply('BROKEN ' .. KEYS[4] .. ' has an order that can\'t be read') end

-- How many payments the answer to an operator has, beside the one that paid.
local FIRST = 100

-- Records a part, by its record, of a payment, p, of which nothing may be known yet.
local function record_part(part, record, payment, p)
  local written = read_payment(record)
  local total, fields = refunded(payment) + tonumber(written.amount), {'payment:' .. part, record}
  local settled = p and p.state == 'due' and is_gone(total, p.amount) and payment_with(p, {state = 'settled'})
  if settled then fields[3], fields[4] = 'payment:' .. payment, settled end
  although_full()
  begin_event(b, payload(fields), {})
  add_payment(part, record, false, 'm:' .. written.message, part, 'r:' .. payment, int(total))
  if settled then change_payment(payment, p, settled) end
  end_event(b, fields)
  return 'done', part, record
end

local left = 0

local function ask_for()
  local part, amount = ARGV[6], ARGV[7]
  if not t then return 'unknown' end
  local payment = redis.call('HGET', PAYMENTS, 'o:' .. hex(id))
  local p = payment and read_payment(redis.call('HGET', PAYMENTS, 'p:' .. payment))
  left = p and math.max(0, tonumber(p.amount) - refunded(payment)) or 0
  local known = redis.call('HMGET', PAYMENTS, 'p:' .. part, 'm:' .. part)
  local record, before = known[1], read_payment(known[1])
  if record or known[2] then
    local same = before and before.of ~= '' and before.of == payment and before.amount == amount
    return same and 'already' or 'differs', record and part, record
  end
  if t.state ~= 'p' or not p then return 'refused' end
  if tonumber(amount) > left or tonumber(amount) == 0 then return 'excess' end
  local due = {state = 'due', reason = 'partial', amount = amount, at = int(now), message = part, of = payment}
  return record_part(part, payment_with(p, due), payment, p)
end

local function take_report()
  local part, message, payment = ARGV[6], new.message, new.of
  local known = redis.call('HMGET', PAYMENTS, 'p:' .. part, 'm:' .. message, 'p:' .. payment)
  local before, p = read_payment(known[1]), read_payment(known[3])
  if known[1] or known[2] then
    local same = same_payment(before, new) and (not known[2] or known[2] == part)
    if not same then return 'differs', known[1] and part, known[1] end
    if before.state == 'settled' then return 'already', part, known[1] end
    local record = payment_with(before, {state = 'settled'})
    local fields = {'payment:' .. part, record}
    although_full()
    begin_event(b, payload(fields), {})
    change_payment(part, before, record)
    end_event(b, fields)
    return 'done', part, record
  end
  if p and (p.of ~= '' or p.order ~= new.order or p.currency ~= new.currency) then return 'differs' end
  if refunded(payment) + tonumber(new.amount) > COUNTABLE then return 'excess' end
  return record_part(part, payment_with(new, {state = 'settled', at = int(now)}), payment, p)
end

local outcome, part, record
if ask then outcome, part, record = ask_for() else outcome, part, record = take_report() end
local reply = answer(header(b), 'outcome', outcome, 'order', t and row(t) or '', 'payment', part or '', 'record', record or '', 'left', int(left))
if report or not t then return reply end
local page, next = payments_for(hex(id), '', FIRST)
return answer(reply, 'payments', page, 'next', next)
