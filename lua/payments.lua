-- payments: a page of a sale's payments, oldest first: those in a state, or those for
-- an order, with the order.
--
-- ARGV  4 'state' or 'order'  5 applied, due or settled; or an order id, 16 bytes
--       6 where the page begins: what an earlier reply had in next, or ''
--       7 how many payments at most, 1 to 1000; an order's first page has one more
-- reply payments: names, records and what goes back of each in parts, in turn; next: where
--       the next page begins, or ''
--       order: as in events, or '' where there is none
-- keeps nothing: it writes nothing

local b, failure = books()
if not b then return failure end
local what, of, after, limit = ARGV[4], ARGV[5], ARGV[6], is_limit(ARGV[7])
if #ARGV ~= 7 or not limit or not (what == 'order' and #of == 16 or what == 'state' and LETTERS[of]) then
  return redis.error_reply('BADCALL payments wants a state or an order, a place and a limit of 1 to ' .. MOST)
end
local page, next, t, unreadable = {}, '', nil, false
if what == 'state' then
  page, next = payments_in(of, after, limit)
else
  t, unreadable = find(of, redis.call('HGET', KEYS[4], of))
  if unreadable then return redis.error_reply('BROKEN ' .. KEYS[4] .. ' has an order that can\'t be read') end
  if t then page, next = payments_for(hex(of), after, limit) end
end
return answer(header(b), 'order', t and row(t) or '', 'payments', page, 'next', next)
