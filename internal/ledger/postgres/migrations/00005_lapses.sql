-- +goose Up

-- The default is for sales of before, which let any number of holds lapse, and for a
-- ledger of the version before that runs beside.
ALTER TABLE sales ADD COLUMN lapses integer NOT NULL DEFAULT 0;
