-- payment: shared by the scripts that know payments; put between chain and
-- script. {sale}:payments holds
--   p:<payment> = its record     o:<order> = the payment applied to it
--   m:<message> = the payment that the message named
-- A record is "state reason amount currency at order message", its reason '-' where
-- no refund is due. An order is named as the provider named it.

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
