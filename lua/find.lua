-- find: one order, by its id or as a buyer's live one.
--
-- ARGV  4 order id, 16 bytes, or ''  5 the buyer, where the id is ''
-- reply order: as in events, or '' where there is none
-- keeps nothing: it writes nothing

local b, failure = books()
if not b then return failure end
local id, t, unreadable = ARGV[4], nil, false
if not id or (id == '' and not ARGV[5]) then return redis.error_reply('BADCALL find wants an id or a buyer') end
if id ~= '' then
  t, unreadable = find(id, redis.call('HGET', KEYS[4], id))
else
  local entry = redis.call('HGET', KEYS[3], ARGV[5])
  t = read_live(entry)
  unreadable = entry and not t
  if t then t.buyer = ARGV[5] end
end
if unreadable then return redis.error_reply('BROKEN ' .. KEYS[4] .. ' has an order that can\'t be read') end
return answer(header(b), 'order', t and row(t) or '')
