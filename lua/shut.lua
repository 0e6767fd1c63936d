-- shut: marks a sale as having lost data, for anyone who finds that without a call of
-- another script. Nothing sells until it is reconciled.
--
-- ARGV  4 why
-- reply lost: why it is shut, which an earlier call may have given
-- keeps a sale that is shut stays so

local b, failure = books(true)
if not b then return failure end
if not ARGV[4] or ARGV[4] == '' then return redis.error_reply('BADCALL shut wants a reason') end
if b.lost == '' then
  b.lost = ARGV[4]
  although_full()
  redis.call('HSET', KEYS[1], 'lost', b.lost)
end
return answer(header(b), 'lost', b.lost)
