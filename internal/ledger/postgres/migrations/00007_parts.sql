-- +goose Up

-- A part of a payment that goes back, or has, while its order stays as it is. The default is
-- for whole payments, and for a ledger of the version before that runs beside.
ALTER TABLE payments ADD COLUMN part_of text NOT NULL DEFAULT '';
COMMENT ON COLUMN payments.part_of IS 'the payment that this is a part of; empty: it is a whole one';
ALTER TABLE payments DROP CONSTRAINT payments_reason_check;
ALTER TABLE payments ADD CONSTRAINT payments_reason_check
	CHECK (reason IN ('', 'late', 'doubled', 'amount', 'refunded', 'orphan', 'partial', 'returned', 'disputed'));
