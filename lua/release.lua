-- release: shared by the scripts that end holds; put between prelude and script.
-- It reads first and writes last, so that a fault leaves everything as it was.
--
-- KEYS  as in deduct
-- keeps P7: a record leaves 'held' once, its stock returns once, and a buyer's
--       entry is removed only if it still names this order

-- Ends the named holds in the given state; skips those that are held no more,
-- as their stock has returned already. Returns how many it ended.
local function release(sale, ids, state)
  if #ids == 0 then return 0 end
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  redis.call('XLEN', KEYS[6])
  local changed, owners, returned, ended = {}, {}, 0, 0
  for i, id in ipairs(ids) do
    local quantity, rest, buyer = string.match(records[i] or '', '^held (%d+) (%d+ %d+ (.*))$')
    if quantity then
      ended, returned = ended + 1, returned + tonumber(quantity)
      changed[2 * ended - 1], changed[2 * ended] = id, state .. ' ' .. quantity .. ' ' .. rest
      if redis.call('HGET', KEYS[3], buyer) == id then owners[#owners + 1] = buyer end
    end
  end
  redis.call('ZREM', KEYS[5], unpack(ids))
  if ended == 0 then return 0 end
  redis.call('HSET', KEYS[4], unpack(changed))
  if #owners > 0 then redis.call('HDEL', KEYS[3], unpack(owners)) end
  redis.call('XADD', KEYS[6], '*', unpack(changed))
  sale.remaining, sale.held = sale.remaining + returned, sale.held - returned
  sale.stock = next_generation(sale.stock)
  redis.call('HSET', KEYS[1], 'remaining', int(sale.remaining), 'held', int(sale.held), 'stock', int(sale.stock))
  return ended
end
