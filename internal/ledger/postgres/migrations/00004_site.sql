-- +goose Up

-- Whose records these are: a ledger of another site would mix two sites' orders.
CREATE TABLE site (
	single boolean PRIMARY KEY DEFAULT true CHECK (single),
	id     text NOT NULL,
	name   text NOT NULL,
	prefix text NOT NULL
);
COMMENT ON TABLE site IS 'one row: the site whose records this database has';
COMMENT ON COLUMN site.id IS 'random, of this database; Redis keeps it as well';
COMMENT ON COLUMN site.name IS 'the name that programs are started with';
COMMENT ON COLUMN site.prefix IS 'the Redis prefix that they are started with';
