package line

// Second is what one second admitted.
type Second struct {
	At     int64 // in seconds since 1970
	Upto   int64 // the last place that it admitted
	Bought int64 // how many of its places have bought in their turn
	Learnt int64 // how many of these the estimate has counted
}

// Turns are the seconds of admission whose places are still awaited, oldest first. Everything up
// to Settled was admitted before.
type Turns struct {
	Settled int64
	Seconds []Second
}

// admitted is how many places the i-th second admitted.
func (t *Turns) admitted(i int) int64 {
	if i == 0 {
		return t.Seconds[0].Upto - t.Settled
	}
	return t.Seconds[i].Upto - t.Seconds[i-1].Upto
}

// awaited is how many places of the i-th second have not bought.
func (t *Turns) awaited(i int) int64 { return max(0, t.admitted(i)-t.Seconds[i].Bought) }

// admit counts places up to upto as admitted in a second.
func (t *Turns) admit(second, upto int64) {
	if n := len(t.Seconds); n > 0 && t.Seconds[n-1].At >= second {
		t.Seconds[n-1].Upto = upto
		return
	}
	t.Seconds = append(t.Seconds, Second{At: second, Upto: upto})
}

// settle forgets seconds before one.
func (t *Turns) settle(before int64) {
	n := 0
	for n < len(t.Seconds) && t.Seconds[n].At < before {
		t.Settled = t.Seconds[n].Upto
		n++
	}
	t.Seconds = append(t.Seconds[:0], t.Seconds[n:]...)
}

// find is the second that admitted a place, or nil where that is settled or still to come.
func (t *Turns) find(place int64) *Second {
	if place <= t.Settled {
		return nil
	}
	low, high := 0, len(t.Seconds)
	for low < high {
		if at := (low + high) / 2; t.Seconds[at].Upto < place {
			low = at + 1
		} else {
			high = at
		}
	}
	if low == len(t.Seconds) {
		return nil
	}
	return &t.Seconds[low]
}
