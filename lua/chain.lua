-- chain: every event of a sale goes through here; put between prelude and script.
--
-- A sale's events form a chain. Each has the next number (seq) and a link: the
-- first digits of the SHA-1 of the link before it, the epoch and the payload. The
-- first event follows upon the sale's random life. A process that has seen a mark (epoch,
-- seq, link) can check later whether the sale is still the same one.
--
-- Fields of {sale}: life, epoch, base (the last event before this epoch), seq, link;
-- ledger (1: the site has a ledger, 0: it has none); read (the last seq that a ledger
-- has committed); lost (why the sale is shut, or '') and witness (the mark that it fell
-- behind); tap (until when new events are copied, Redis milliseconds).
--
-- keeps stock, seq and link change in one command, which is a script's first
--       write, and its event is its last: a script that dies in between undersells

-- Without a ledger nobody takes events out of the stream.
local UNREAD = 4096

-- Begins an event: links it and writes fields, names and values in turn, with it.
local function begin_event(b, linked, fields)
  b.seq = b.seq + 1
  b.link = string.sub(redis.sha1hex(b.link .. ' ' .. int(b.epoch) .. ' ' .. linked), 1, LINK)
  local n = #fields
  fields[n + 1], fields[n + 2], fields[n + 3], fields[n + 4] = 'seq', int(b.seq), 'link', b.link
  redis.call('HSET', KEYS[1], unpack(fields))
  write('SETRANGE', KEYS[8], int((b.seq % RING) * LINK), b.link)
end

-- Ends it: appends it to the stream, with names and values in turn.
local function end_event(b, fields)
  local seq = int(b.seq)
  if b.ledger == 1 then
    write('XADD', KEYS[6], '*', 'epoch', int(b.epoch), 'seq', seq, 'link', b.link, unpack(fields))
  else
    write('XADD', KEYS[6], 'MAXLEN', '~', int(UNREAD), '*', 'epoch', int(b.epoch), 'seq', seq, 'link', b.link, unpack(fields))
  end
  if b.tap > clock then
    write('XADD', KEYS[11], '*', 'epoch', int(b.epoch), 'seq', seq, 'link', b.link, unpack(fields))
  end
end

-- What the link of an event covers: all its names and values. Of a batch of holds deduct covers the
-- ids alone: hashing the rest would cost Redis more than the holds do (ADR 10).
local function payload(fields) return table.concat(fields, '\n') end
