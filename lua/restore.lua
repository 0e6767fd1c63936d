-- restore: puts what was rebuilt from the ledger in the place of a sale's keys.
-- Stands alone.
--
-- KEYS  1..7 the sale's keys as in resolve
--       8 orders  9 buyers  10 deadlines  11 payments: the same, rebuilt, under
--       keys of their own (one that would be empty is missing)
-- ARGV  1..4 how many fields or members KEYS 8 to 11 must have
--       then the names and values of the new {sale}
-- reply {outcome}:
--       done       the sale is restored, and closed
--       open       it is in Redis and not closed: nothing was changed
--       undrained  its stream has entries that the ledger lacks: nothing was changed
--       torn       KEYS 8 to 11 are not whole: nothing was changed
-- keeps no event is lost, and generations rise: stock is max(old + 1, now), the
--       plan is planned anew, the fence stays

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if #KEYS ~= 11 or #ARGV < 6 or #ARGV % 2 ~= 0 then
  return redis.error_reply('BADCALL restore wants eleven keys, four counts and the fields of a sale')
end

local old = redis.call('HMGET', KEYS[1], 'closed', 'stock', 'fence', 'plan')
if old[1] and old[1] ~= '1' then return {'open'} end
if redis.call('XLEN', KEYS[6]) > 0 then return {'undrained'} end
for i = 8, 11 do
  local count = (i == 10) and redis.call('ZCARD', KEYS[i]) or redis.call('HLEN', KEYS[i])
  if count ~= tonumber(ARGV[i - 7]) then return {'torn'} end
end

local replaced = {[8] = 4, [9] = 3, [10] = 5, [11] = 7}
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[7])
for from, to in pairs(replaced) do
  if redis.call('EXISTS', KEYS[from]) == 1 then redis.call('RENAME', KEYS[from], KEYS[to]) end
end
local stock = math.max((tonumber(old[2]) or 0) + 1, now)
local fields = {}
for i = 5, #ARGV do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], 'stock', string.format('%.0f', stock), 'plan', tonumber(old[4]) and old[4] or '0',
  'fence', tonumber(old[3]) and old[3] or '0', 'closed', '1', unpack(fields))
-- A sale that Redis had lost was closed by nobody: the ledger has to hear of it.
if not old[1] then redis.call('XADD', KEYS[6], '*', 'sale', 'closed ' .. string.format('%.0f', now)) end
return {'done'}
