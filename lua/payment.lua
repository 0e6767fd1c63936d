-- payment: how payments are written; put between chain and script. Of a sale they are in
-- {sale}:payments and {sale}:index, of sales that nobody knows in two keys of the site.
--
-- payments  p:<payment> = its record     o:<order> = the payment that paid it
--           m:<message> = the payment that the message named
--           r:<payment> = how much of it goes back, or has, in parts
-- index     zset, all with score 0, so that a page costs no more than what is on it:
--           <letter of the state><time, 15 digits> <payment>
--           o<order> <time, 15 digits> <payment>, but for the one in o:<order>
--
-- A record is "state reason amount currency at order message", its reason '-' if no refund is
-- due. An order is named as the provider named it. A part of a payment, which goes back or has
-- while the order stays as it is, is a payment of its own: the payment that it is a part of
-- follows in its record. Further fields come last, as names and values in turn; before them
-- stands an empty field if the payment is no part. Scripts carry further fields on and read
-- none of them: see paymentLine in package sale.

local PAYMENTS, INDEX = KEYS[7], KEYS[12]
if #KEYS == 2 then PAYMENTS, INDEX = KEYS[1], KEYS[2] end

-- The fields of a record, or nothing if there is none that can be read.
local function read_payment(record)
  local state, reason, amount, currency, at, order, message, more =
    string.match(record or '', '^(%a+) (%S+) (%d+) (%u+) (%d+) (%S+) (%S+)(.*)$')
  local of, further = string.match(more or '', '^ (%S*)(.*)$')
  if not state or more ~= '' and not of then return nil end
  return {state = state, reason = reason, amount = amount, currency = currency, at = at, order = order,
    message = message, of = of or '', further = further or ''}
end

-- The record of a payment with some fields changed, and all others as they are.
local function payment_with(p, changes)
  local function field(name) return changes[name] or p[name] end
  local record = table.concat({field('state'), field('reason'), field('amount'), field('currency'), field('at'),
    field('order'), field('message')}, ' ')
  local more = field('of') .. field('further')
  return more == '' and record or record .. ' ' .. more
end

-- Whether both are reports of one payment. Of what else is known about it, the first counts.
local function same_payment(p, q)
  return p and p.of == q.of and p.order == q.order and p.amount == q.amount and p.currency == q.currency
end

-- Parts of a payment that add up to more are refused: above it doubles skip numbers.
local COUNTABLE = 9e15

-- How much of a payment goes back, or has, in parts.
local function refunded(payment)
  return tonumber(redis.call('HGET', PAYMENTS, 'r:' .. payment) or '0')
end

-- Whether that is all of it. Of a payment of nothing it never is: it is returned as others are.
local function is_gone(parts, amount) return parts > 0 and parts >= tonumber(amount) end

local LETTERS = {applied = 'a', due = 'd', settled = 's'}

local function when(p) return string.rep('0', 15 - #p.at) .. p.at .. ' ' end
local function by_state(payment, p) return LETTERS[p.state] .. when(p) .. payment end

-- Writes a payment that is new, with more fields of the same hash. payer: it has paid
-- its order.
local function add_payment(payment, record, payer, ...)
  local p = read_payment(record)
  write('HSET', PAYMENTS, 'p:' .. payment, record, ...)
  write('ZADD', INDEX, '0', by_state(payment, p))
  if not payer then write('ZADD', INDEX, '0', 'o' .. p.order .. ' ' .. when(p) .. payment) end
end

-- Writes a payment that was p until now.
local function change_payment(payment, p, record)
  write('HSET', PAYMENTS, 'p:' .. payment, record)
  write('ZREM', INDEX, by_state(payment, p))
  write('ZADD', INDEX, '0', by_state(payment, read_payment(record)))
end

-- A page of the index: payments, records and what goes back of them in parts, in turn, of
-- the members from one text to another, and where the next page begins, or ''. after is
-- such a place, or ''.
local function page_of(from, to, after, limit)
  local lowest = after == '' and '[' .. from or '(' .. from .. after
  local members = redis.call('ZRANGEBYLEX', INDEX, lowest, '(' .. to, 'LIMIT', '0', int(limit + 1))
  local more = #members > limit
  if more then members[#members] = nil end
  local next = more and string.sub(members[#members], #from + 1) or ''
  local names, page = {}, {}
  if #members == 0 then return page, next end
  -- Found by its place: a pattern that ends with the text is tried from each of its bytes.
  local place = #from + 17
  for i = 1, #members do
    local payment = string.sub(members[i], place)
    names[2 * i - 1], names[2 * i] = 'p:' .. payment, 'r:' .. payment
    page[3 * i - 2] = payment
  end
  local values = redis.call('HMGET', PAYMENTS, unpack(names))
  for i = 1, #members do
    page[3 * i - 1], page[3 * i] = values[2 * i - 1] or '', values[2 * i] or '0'
  end
  return page, next
end

local function payments_in(state, after, limit)
  local letter = LETTERS[state]
  return page_of(letter, string.char(string.byte(letter) + 1), after, limit)
end

-- The same of an order, as the provider names it. The one that has paid it comes first.
local function payments_for(order, after, limit)
  local page, next = page_of('o' .. order .. ' ', 'o' .. order .. '!', after, limit)
  local payer = after == '' and redis.call('HGET', PAYMENTS, 'o:' .. order)
  if payer then
    table.insert(page, 1, int(refunded(payer)))
    table.insert(page, 1, redis.call('HGET', PAYMENTS, 'p:' .. payer) or '')
    table.insert(page, 1, payer)
  end
  return page, next
end

-- How many payments an answer has at most.
local MOST = 1000
local function is_limit(text)
  local limit = tonumber(text)
  return limit and limit >= 1 and limit <= MOST and limit
end
