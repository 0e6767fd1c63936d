-- adopt: puts what was reconciled in the place of a sale's keys. Stands alone.
--
-- KEYS  1 to 11 the sale's keys, see prelude; then the same, built under keys of
--       their own: 12 buyers  13 orders  14 deadlines  15 payments  16 past (one
--       that would be empty is missing)
-- ARGV  1 the state that was reconciled: "epoch seq link" of a sale that is shut,
--         'none' where Redis had nothing, or 'old' where it had another layout
--       2 to 6 how many fields or members KEYS 12 to 16 must have
--       7 fence: names this reconciliation, for its event
--       8 life  9 epoch  10 the last seq that any record has, then the
--       names and values of the new {sale}
-- reply {outcome}:
--       done     the sale is what was built, and sells once a ledger has its event
--       moved    the sale is no longer as it was read: nothing was changed
--       torn     KEYS 12 to 16 are not whole: nothing was changed
-- keeps generations rise: stock is max(old + 1, now), the plan is planned anew, the
--       fence of plans stays

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local LINK, RING = 12, 4096
local function int(n) return string.format('%.0f', n) end
-- As in the prelude: from the first write on no error may look like a refusal.
local function write(...)
  local done = redis.pcall(...)
  if type(done) == 'table' and done.err then error({err = 'TORN ' .. done.err}) end
end
if #KEYS ~= 16 or #ARGV < 12 or #ARGV % 2 ~= 0 then
  return redis.error_reply('BADCALL adopt wants sixteen keys and the fields of a sale')
end

local old = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'link', 'lost', 'stock', 'fence', 'plan', 'layout')
local state = 'none'
if redis.call('EXISTS', KEYS[1]) == 1 then
  state = old[8] == '2' and (old[4] ~= '' and table.concat({old[1], old[2], old[3]}, ' ') or 'open') or 'old'
end
if state ~= ARGV[1] then return {'moved'} end
local built = {[12] = 3, [13] = 4, [14] = 5, [15] = 7, [16] = 9}
for from in pairs(built) do
  local count = (from == 14) and redis.call('ZCARD', KEYS[from]) or redis.call('HLEN', KEYS[from])
  if count ~= tonumber(ARGV[from - 10]) then return {'torn'} end
end

-- UNLINK: a large key must not keep Redis from others.
write('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11])
for from, to in pairs(built) do
  if redis.call('EXISTS', KEYS[from]) == 1 then
    write('RENAME', KEYS[from], KEYS[to])
    -- What an interrupted reconciliation has built expires; what is adopted stays.
    write('PERSIST', KEYS[to])
  end
end
local epoch, seq = ARGV[9], int(tonumber(ARGV[10]) + 1)
local event = {'reconciled', ARGV[7]}
local link = string.sub(redis.sha1hex(ARGV[8] .. ' ' .. epoch .. ' ' .. table.concat(event, '\n')), 1, LINK)
local fields = {}
for i = 11, #ARGV do fields[i - 10] = ARGV[i] end
write('HSET', KEYS[1], 'stock', int(math.max((tonumber(old[5]) or 0) + 1, now)),
  'plan', tonumber(old[7]) and old[7] or '0', 'fence', tonumber(old[6]) and old[6] or '0',
  'layout', '2', 'life', ARGV[8], 'epoch', epoch, 'base', ARGV[10], 'seq', seq, 'link', link, 'lost', '',
  'read', '0', 'dead', '0', 'tap', '0', unpack(fields))
write('SETRANGE', KEYS[8], int((tonumber(seq) % RING) * LINK), link)
write('XADD', KEYS[6], '*', 'epoch', epoch, 'seq', seq, 'link', link, unpack(event))
return {'done'}
