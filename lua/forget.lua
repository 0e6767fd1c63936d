-- forget: a ledger has committed events up to a mark: they leave the stream. The
-- first of them is the opening, after which the sale may sell.
--
-- ARGV  4 life  5 epoch  6 seq  7 link of the last event that was committed, then the
--       entries
-- reply read: the last event that a ledger has committed
-- keeps exactly what is committed is deleted, and only of the chain that was
--       committed: another one is shut. A call from before the sale was reconciled
--       changes nothing: reconciliation took what was committed, and the links are gone

local b, failure = books()
if not b then return failure end
local epoch, seq = tonumber(ARGV[5]), tonumber(ARGV[6])
if not epoch or not seq or not ARGV[7] then return redis.error_reply('BADCALL forget wants life, epoch, seq and link') end
check_types()
if ARGV[4] == b.life and epoch < b.epoch then return answer(header(b), 'read', b.read) end
local kept = link_at(b, seq)
although_full()
if ARGV[4] ~= b.life or epoch > b.epoch or seq > b.seq or (kept and kept ~= ARGV[7]) then
  local reason = 'the ledger has committed another event ' .. int(seq)
  redis.call('HSET', KEYS[1], 'lost', reason)
  return lost(reason)
end
if seq > b.read then
  b.read = seq
  redis.call('HSET', KEYS[1], 'read', int(seq))
end
if #ARGV > 7 then write('XDEL', KEYS[6], unpack(ARGV, 8)) end
return answer(header(b), 'read', b.read)
