-- +goose Up

-- The largest number of a challenge while few join the line; 0: what the site has.
ALTER TABLE sales ADD COLUMN proof_easy bigint NOT NULL DEFAULT 0;
