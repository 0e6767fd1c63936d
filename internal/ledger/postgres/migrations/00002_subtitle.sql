-- +goose Up

-- The default is for sales of before, and for a ledger of the version before that runs beside.
ALTER TABLE sales ADD COLUMN subtitle bytea NOT NULL DEFAULT '';
