-- close: closes a sale, or lets it sell again. Holds keep their deadlines.
--
-- ARGV  4 '1' to close, '0' to reopen
-- reply outcome: done, or already where it was so before
-- keeps no claim is granted after this script has answered 1

local b, failure = books()
if not b then return failure end
if ARGV[4] ~= '0' and ARGV[4] ~= '1' then
  return redis.error_reply('BADCALL close wants 1 or 0')
end
check_types()

local outcome = 'already'
if int(b.closed) ~= ARGV[4] then
  outcome = 'done'
  local fields = {'sale', ARGV[4] == '1' and 'closed' or 'reopened'}
  although_full()
  begin_event(b, payload(fields), {'closed', ARGV[4]})
  end_event(b, fields)
end
return answer(header(b), 'outcome', outcome)
