// Package postgres is the record of sales, orders and payments in PostgreSQL: the tables and
// their migrations, and each statement that reads or writes them. What a stream means and who
// may write is package ledger's, which declares the interfaces that [Store] implements.
//
// # Invariant
//
// A transaction first shows its reader's fencing token to the table readers, and moves the
// sale's mark from the one that it begins at to the one that it ends at. So a reader whose lease
// is another's writes nothing, and no batch is recorded twice or out of order.
//
// An order's id is its key, and a state is overwritten only along an arrow. A row that
// contradicts the batch has a NOT NULL column set to NULL: PostgreSQL then refuses the
// whole transaction, and no contradiction passes in silence.
package postgres
