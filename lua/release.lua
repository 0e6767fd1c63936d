-- release: shared by the scripts that end live orders; put between prelude and
-- script. It reads first and writes last, so that a fault leaves everything as
-- it was.
--
-- KEYS  as in deduct
-- keeps P7: a record leaves its state once, its stock returns once, and a
--       buyer's entry is removed only if it still names this order

-- Takes the named orders from one state (held or paid) to an ended one; skips
-- those that have left it, as their stock has returned already. news are fields
-- for the same stream entry. Returns how many it ended.
local function release(sale, ids, from, to, news)
  if #ids == 0 then return 0 end
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  redis.call('XLEN', KEYS[6])
  local changed, owners, returned, ended = {}, {}, 0, 0
  for i, id in ipairs(ids) do
    local quantity, rest, buyer = string.match(records[i] or '', '^' .. from .. ' (%d+) (%d+ %d+ (.*))$')
    if quantity then
      ended, returned = ended + 1, returned + tonumber(quantity)
      changed[2 * ended - 1], changed[2 * ended] = id, to .. ' ' .. quantity .. ' ' .. rest
      if redis.call('HGET', KEYS[3], buyer) == id then owners[#owners + 1] = buyer end
    end
  end
  redis.call('ZREM', KEYS[5], unpack(ids))
  if ended == 0 then return 0 end
  redis.call('HSET', KEYS[4], unpack(changed))
  if #owners > 0 then redis.call('HDEL', KEYS[3], unpack(owners)) end
  for _, field in ipairs(news or {}) do changed[#changed + 1] = field end
  redis.call('XADD', KEYS[6], '*', unpack(changed))
  sale.remaining, sale[from] = sale.remaining + returned, sale[from] - returned
  sale.stock = next_generation(sale.stock)
  redis.call('HSET', KEYS[1], 'remaining', int(sale.remaining), from, int(sale[from]), 'stock', int(sale.stock))
  return ended
end
