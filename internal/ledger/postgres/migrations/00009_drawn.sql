-- +goose Up

-- What a line goes by: the front never falls, and a draw is taken once. drawn is NULL before it.
ALTER TABLE sales
  ADD COLUMN front bigint NOT NULL DEFAULT 0,
  ADD COLUMN drawn bigint,
  ADD COLUMN list bytea NOT NULL DEFAULT '',
  ADD COLUMN beacon_value bytea NOT NULL DEFAULT '';
