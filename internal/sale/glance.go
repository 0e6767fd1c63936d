package sale

// Glance is the little of a sale that changes whenever anything else of it does, but for its
// plan's claims: who has seen the same before need not read the sale again. It costs Redis a
// tenth of reading it.
type Glance struct {
	Chain
	Plan Generation // of the plan
	Held int64      // tickets of holds, which may be overdue
	Read int64      // number of the last event that the ledger has recorded
	Lost string     // why the sale is shut, or empty
}

// Peek is what one look at Redis has seen: the sales of which there is news, and others at a glance.
type Peek struct {
	News    []ID
	Next    int64 // the number of the news for the next one
	Lost    bool  // the number that the look began with is not known any more: anything may have changed
	Glances []Glance
	Errs    []error // of the glances
}

// Ask names a sale to be read, and the plan generation that the caller knows.
type Ask struct {
	ID    ID
	Known Generation
}

// Answer is what reading a sale brought.
type Answer struct {
	Sale    Sale
	Reading Reading
	Err     error
}
