-- +goose Up

-- The defaults are for sales of before, which everybody may buy in, and for a ledger of the
-- version before that runs beside. The secrets are here because the places that buyers have go
-- by them: they must outlast Redis's memory.
ALTER TABLE sales
  ADD COLUMN admission bytea NOT NULL DEFAULT '',
  ADD COLUMN draw_at timestamptz,
  ADD COLUMN line_rate integer NOT NULL DEFAULT 0,
  ADD COLUMN line_limit integer NOT NULL DEFAULT 0,
  ADD COLUMN beacon bytea NOT NULL DEFAULT '',
  ADD COLUMN line_secret bytea NOT NULL DEFAULT '',
  ADD COLUMN line_seed bytea NOT NULL DEFAULT '';
