-- payment: how payments are written; put between chain and script. Of a sale they are in
-- {sale}:payments and {sale}:index, of sales that nobody knows in two keys of the site.
--
-- payments  p:<payment> = its record     o:<order> = the payment that paid it
--           m:<message> = the payment that the message named
-- index     zset, all with score 0, so that a page costs no more than what is on it:
--           <letter of the state><time, 15 digits> <payment>
--           o<order> <time, 15 digits> <payment>, but for the one in o:<order>
--
-- A record is "state reason amount currency at order message", its reason '-' where
-- no refund is due. An order is named as the provider named it.

local PAYMENTS, INDEX = KEYS[7], KEYS[12]
if #KEYS == 2 then PAYMENTS, INDEX = KEYS[1], KEYS[2] end

local function payment_record(state, reason, amount, currency, at, order, message)
  return table.concat({state, reason, amount, currency, at, order, message}, ' ')
end

-- The fields of a record, or nothing where there is none that can be read.
local function read_payment(record)
  local state, reason, amount, currency, at, order, message =
    string.match(record or '', '^(%a+) (%S+) (%d+) (%u+) (%d+) (%S+) (%S+)$')
  if not state then return nil end
  return {state = state, reason = reason, amount = amount, currency = currency, at = at, order = order, message = message}
end

-- The same payment in another state.
local function payment_as(p, state, reason)
  return payment_record(state, reason, p.amount, p.currency, p.at, p.order, p.message)
end

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

-- A page of the index: payments and records in turn of the members from one text to
-- another, and where the next page begins, or ''. after is such a place, or ''.
local function page_of(from, to, after, limit)
  local lowest = after == '' and '[' .. from or '(' .. from .. after
  local members = redis.call('ZRANGEBYLEX', INDEX, lowest, '(' .. to, 'LIMIT', '0', int(limit + 1))
  local more = #members > limit
  if more then members[#members] = nil end
  local next = more and string.sub(members[#members], #from + 1) or ''
  local names, page = {}, {}
  if #members == 0 then return page, next end
  for i, member in ipairs(members) do names[i] = 'p:' .. string.match(member, '(%S+)$') end
  local records = redis.call('HMGET', PAYMENTS, unpack(names))
  for i, name in ipairs(names) do
    page[2 * i - 1], page[2 * i] = string.sub(name, 3), records[i] or ''
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
