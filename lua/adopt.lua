-- adopt: puts what was reconciled in the place of a sale's keys. Stands alone.
--
-- KEYS  1 to 15 the sale's keys, see prelude; then the same, built under keys of
--       their own: 16 {sale} with its restocks  17 buyers  18 orders  19 deadlines
--       20 payments  21 past  22 index (one that would be empty is missing)
-- ARGV  1 the state that was reconciled: "epoch seq link" of a sale that is shut,
--         'none' where Redis had nothing, or 'old' where it had another layout
--       2 to 8 how many fields or members KEYS 16 to 22 must have
--       9 fence: names this reconciliation, for its event
--       10 life  11 epoch  12 the last seq that any record has, then the names and
--       values of the new {sale}, but for its restocks, of which there may be thousands
-- reply {outcome}:
--       done     the sale is what was built, and sells once a ledger has its event
--       moved    the sale is no longer as it was read: nothing was changed
--       torn     KEYS 16 to 22 are not whole: nothing was changed
-- keeps generations rise: stock is max(old + 1, now), the plan is planned anew, the
--       fence of plans stays; no place in the line is lost, and the front does not fall

local LINK, RING = 12, 4096
if #KEYS ~= 22 or #ARGV < 14 or #ARGV % 2 ~= 0 then
  return redis.error_reply('BADCALL adopt wants twenty-two keys and the fields of a sale')
end

local old = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'link', 'lost', 'stock', 'fence', 'plan', 'layout')
local state = 'none'
if redis.call('EXISTS', KEYS[1]) == 1 then
  state = old[8] == '2' and (old[4] ~= '' and table.concat({old[1], old[2], old[3]}, ' ') or 'open') or 'old'
end
if state ~= ARGV[1] then return {'moved'} end
local OWN, LINE = 15, 13
local built, sorted = {1, 3, 4, 5, 7, 9, 12}, {[5] = true, [12] = true}
for i, to in ipairs(built) do
  local count = redis.call(sorted[to] and 'ZCARD' or 'HLEN', KEYS[OWN + i])
  if count ~= tonumber(ARGV[1 + i]) then return {'torn'} end
end

-- The places stay where they are, and so does what they go by. What the records know beyond it has been
-- put into them.
local fields, given = {}, {}
for i = 13, #ARGV do fields[i - 12] = ARGV[i] end
for i = 1, #fields, 2 do given[fields[i]] = fields[i + 1] end
local STANDING = {'drawn', 'turn', 'front', 'front_at', 'list', 'beacon_value'}
local standing, is = redis.call('HMGET', KEYS[1], unpack(STANDING)), {}
for i, name in ipairs(STANDING) do is[name] = given[name] or standing[i] or nil end
-- A line without a draw is in the order of joining, as open has it.
if not is.drawn and (given.draw_at or '') == '' then is.drawn = '0' end
local joined = redis.call('HLEN', KEYS[LINE])
-- As in join.lua: after the draw a place that is lost still has its number, and so has one that was
-- admitted: nobody else gets it.
if is.drawn then
  local drawn, turn = tonumber(is.drawn), tonumber(is.turn or '0') or 0
  turn = math.max(turn, tonumber(standing[2] or '0') or 0, (tonumber(is.front or '0') or 0) - drawn)
  is.turn, joined = int(turn), math.max(joined, drawn + turn)
end
local line = {'joined', int(joined)}
for _, name in ipairs(STANDING) do
  if is[name] then line[#line + 1], line[#line + 2] = name, is[name] end
end

-- UNLINK: a large key must not keep Redis from others.
write('UNLINK', unpack(KEYS, 1, LINE - 1))
for i, to in ipairs(built) do
  if redis.call('EXISTS', KEYS[OWN + i]) == 1 then
    write('RENAME', KEYS[OWN + i], KEYS[to])
    -- What an interrupted reconciliation has built expires; what is adopted stays.
    write('PERSIST', KEYS[to])
  end
end
local life, epoch, seq = ARGV[10], ARGV[11], int(tonumber(ARGV[12]) + 1)
local event = {'reconciled', ARGV[9]}
local link = string.sub(redis.sha1hex(life .. ' ' .. epoch .. ' ' .. table.concat(event, '\n')), 1, LINK)
write('HSET', KEYS[1], 'stock', int(math.max((tonumber(old[5]) or 0) + 1, now)),
  'plan', tonumber(old[7]) and old[7] or '0', 'fence', tonumber(old[6]) and old[6] or '0',
  'layout', '2', 'life', life, 'epoch', epoch, 'base', ARGV[12], 'seq', seq, 'link', link, 'lost', '',
  'read', '0', 'dead', '0', 'tap', '0', unpack(fields))
if (redis.call('HGET', KEYS[1], 'admission') or '') ~= '' then write('HSET', KEYS[1], unpack(line)) end
write('SETRANGE', KEYS[8], int((tonumber(seq) % RING) * LINK), link)
write('XADD', KEYS[6], '*', 'epoch', epoch, 'seq', seq, 'link', link, unpack(event))
return {'done'}
