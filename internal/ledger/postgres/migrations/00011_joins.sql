-- +goose Up

-- The places of a line. They are written once for all that a transaction records, as nobody asks for one
-- of them: a reconciliation reads all.
CREATE TABLE joins (
	sale   text NOT NULL,
	epoch  bigint NOT NULL,
	seq    bigint NOT NULL,
	places bytea NOT NULL,
	PRIMARY KEY (sale, epoch, seq)
);
COMMENT ON TABLE joins IS 'places in the lines of sales, by the last event of the transaction that recorded them; of later rows counts what differs';
COMMENT ON COLUMN joins.seq IS 'below 0: what a reconciliation has added, before the first event of the epoch';
COMMENT ON COLUMN joins.places IS 'buyer and place in turn, a line feed behind each';
