-- +goose Up

-- Where buyers pay, with places for the values of an order; empty: the sale knows no address.
ALTER TABLE sales ADD COLUMN pay_url bytea NOT NULL DEFAULT '';
