-- +goose Up

-- Everything that somebody typed (buyer, title, rules, a restock's key) is bytea and not
-- text. Redis holds bytes: some are not UTF-8, some are NUL, and text refuses both. One
-- refused value would keep all of its sale's orders out for ever, and a value that was
-- mended to fit would not name the same buyer when Redis is rebuilt.
-- To read one: convert_from(buyer, 'UTF8'), or encode(buyer, 'escape') where that fails.
--
-- All times are Redis time, exact to the millisecond.

CREATE TABLE sales (
	id                text PRIMARY KEY,
	title             bytea NOT NULL,
	kind              text NOT NULL CHECK (kind IN ('ticket', 'voucher', 'product')),
	price             bigint NOT NULL CHECK (price >= 0),
	currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
	face_value        bigint NOT NULL CHECK (face_value >= 0),
	rules             bytea NOT NULL,
	per_buyer         integer NOT NULL CHECK (per_buyer >= 1),
	hold_ms           bigint NOT NULL CHECK (hold_ms > 0),
	opens_at          timestamptz,
	closes_at         timestamptz,
	opened_total      bigint NOT NULL CHECK (opened_total >= 0),
	closed            boolean NOT NULL,
	closed_changed_at timestamptz NOT NULL
);
COMMENT ON COLUMN sales.opened_total IS 'the total that the sale was opened with; today''s is this and the sum of its restocks';
COMMENT ON COLUMN sales.closed_changed_at IS 'when closed was last decided: an event from before, sent again, changes nothing';
COMMENT ON COLUMN sales.opens_at IS 'NULL: it has no such time';
COMMENT ON COLUMN sales.closes_at IS 'NULL: it never closes by itself';

CREATE TABLE restocks (
	sale  text NOT NULL REFERENCES sales,
	key   bytea NOT NULL,
	delta bigint NOT NULL CHECK (delta <> 0),
	PRIMARY KEY (sale, key)
);
COMMENT ON TABLE restocks IS 'audited changes of a sale''s total; the key makes each one count once';

-- Orders and payments don't refer to sales by a foreign key: it would cost a look-up for
-- every order of a rush. The transaction that writes them checks once that the sale is here.
-- Nor do payments refer to orders: money is recorded whatever became of its order.
CREATE TABLE orders (
	id         uuid PRIMARY KEY,
	sale       text NOT NULL,
	buyer      bytea NOT NULL CHECK (octet_length(buyer) BETWEEN 1 AND 128),
	quantity   integer NOT NULL CHECK (quantity >= 1),
	state      text NOT NULL CHECK (state IN ('held', 'paid', 'expired', 'cancelled', 'refunded')),
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	changed_at timestamptz NOT NULL
);
COMMENT ON COLUMN orders.changed_at IS 'the Redis time of the event that brought the state';

-- The promise that a buyer has at most one live order in a sale, kept a second time: were
-- the script that keeps it ever wrong, the books must not follow in silence.
CREATE UNIQUE INDEX one_live_order ON orders (sale, buyer) WHERE state IN ('held', 'paid');
COMMENT ON INDEX one_live_order IS 'at most one live order a buyer and sale; terminal states are written before live ones';

CREATE TABLE payments (
	sale     text NOT NULL,
	id       text NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 128),
	message  text NOT NULL,
	order_id uuid NOT NULL,
	amount   bigint NOT NULL CHECK (amount >= 0),
	currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
	state    text NOT NULL CHECK (state IN ('applied', 'due', 'settled')),
	reason   text NOT NULL CHECK (reason IN ('', 'late', 'doubled', 'amount', 'refunded')),
	heard_at   timestamptz NOT NULL,
	changed_at timestamptz NOT NULL,
	PRIMARY KEY (sale, id),
	CONSTRAINT a_refund_has_a_reason CHECK ((state = 'applied') = (reason = ''))
);
COMMENT ON COLUMN payments.changed_at IS 'the Redis time of the event that brought the state';
COMMENT ON COLUMN payments.id IS 'the provider''s, and unique within a sale: two providers may use the same';

CREATE TABLE readers (
	sale  text PRIMARY KEY,
	token bigint NOT NULL
);
COMMENT ON TABLE readers IS 'the fence: a batch is refused where a reader with a higher token has written';

CREATE TABLE unreadable (
	sale    text NOT NULL,
	entry   text NOT NULL,
	content bytea NOT NULL,
	fault   bytea NOT NULL,
	at      timestamptz NOT NULL,
	PRIMARY KEY (sale, entry)
);
COMMENT ON TABLE unreadable IS 'stream entries that could not be read, in whole or in part: set aside for an operator, so that they are neither lost nor in the way of the others';

-- There is no way down: it would throw away the only record of what was sold.
