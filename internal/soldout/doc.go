// Package soldout has the Nginx of the same machine answer "sold out" by itself. It reads the sales that buyers ask
// for, and keeps leases of those that are sold out for everybody: empty files SALE.SECOND, for which Nginx looks at each
// purchase (nginx/soldout.conf).
//
// Invariant: a file for the second S is written only from a reading with remaining = 0 whose call was sent in S or in
// the second before. Nginx looks for it in S alone, by the clock of the same machine. So what it answers is never older than
// two seconds, whatever becomes of the writer: killed, stopped, or woken up between the reading and the file.
//
// The clock may be set back, and a file count once more. So every look removes the files of other seconds
// than this and the next one, and a reading from before the step writes none.
//
// Any number of keepers may have the same folder: each writes what its own readings permit.
package soldout
