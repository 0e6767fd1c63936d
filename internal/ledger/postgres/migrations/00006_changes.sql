-- +goose Up

-- A row of sales has a definition as it is; how it came to be so stands here.
CREATE TABLE changes (
	sale       text NOT NULL,
	epoch      bigint NOT NULL,
	seq        bigint NOT NULL,
	at         timestamptz NOT NULL,
	definition json NOT NULL,
	PRIMARY KEY (sale, epoch, seq)
);
COMMENT ON TABLE changes IS 'every change of a sale''s terms by an operator, by the event that made it';
COMMENT ON COLUMN changes.definition IS 'the definition as it was from then on, by the names that Redis has';
