-- +goose Up

-- How far the record goes: the last event that is recorded, and its place in the chain
-- that the sale's events form. A sale that was recorded before has no chain yet; it gets
-- one when it is reconciled.
ALTER TABLE sales
	ADD COLUMN life text NOT NULL DEFAULT '',
	ADD COLUMN epoch bigint NOT NULL DEFAULT 0,
	ADD COLUMN seq bigint NOT NULL DEFAULT 0,
	ADD COLUMN link text NOT NULL DEFAULT '',
	ADD COLUMN archived_at timestamptz;
COMMENT ON COLUMN sales.life IS 'random, of this opening: another opening under the same id is another sale';
COMMENT ON COLUMN sales.epoch IS 'how often the sale was reconciled, from 1';
COMMENT ON COLUMN sales.seq IS 'number of the last event that is recorded';
COMMENT ON COLUMN sales.link IS 'its link, which depends on all events before it';
COMMENT ON COLUMN sales.archived_at IS 'since when the sale is here alone and no longer in Redis; NULL: it is in both';

CREATE TABLE reconciliations (
	sale  text NOT NULL,
	epoch bigint NOT NULL,
	fence text NOT NULL,
	plan  text NOT NULL,
	at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (sale, fence)
);
COMMENT ON TABLE reconciliations IS 'how a sale was put together again after a loss, in words: what was found and what was decided';

-- A payment may name an order that no node has made.
ALTER TABLE payments ALTER COLUMN order_id TYPE text USING order_id::text;
ALTER TABLE payments DROP CONSTRAINT payments_reason_check;
ALTER TABLE payments ADD CONSTRAINT payments_reason_check
	CHECK (reason IN ('', 'late', 'doubled', 'amount', 'refunded', 'orphan'));
