-- archive: removes a sale from Redis that is over, once the ledger alone shall have it.
--
-- ARGV  4 seq of the last event that the ledger has recorded
-- reply outcome:
--       done     the sale's keys are removed
--       open     it is not closed    held: it has holds    behind: the ledger lacks events
-- keeps nothing that the ledger does not have

local b, failure = books()
if not b then return failure end
local reply = header(b)
local outcome = 'done'
if b.closed ~= 1 then
  outcome = 'open'
elseif b.held > 0 then
  outcome = 'held'
elseif int(b.seq) ~= ARGV[4] or redis.call('XLEN', KEYS[6]) > 0 then
  outcome = 'behind'
else
  -- UNLINK frees the memory in the background.
  redis.call('UNLINK', unpack(KEYS))
end
return answer(reply, 'outcome', outcome)
