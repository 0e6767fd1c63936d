package remotestock_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// overdue has the deadline of all holds of one call pass without waiting for it.
func (w *world) overdue(t *rapid.T) {
	ctx, key := context.Background(), remotestock.Keys(w.id)[4]
	entries := w.client.ZRange(ctx, key, 0, -1).Val()
	if len(entries) == 0 {
		return
	}
	entry := entries[rapid.IntRange(0, len(entries)-1).Draw(t, "entry")]
	if err := w.client.ZAdd(ctx, key, redis.Z{Score: 1, Member: entry}).Err(); err != nil {
		t.Fatal(err)
	}
	for id, o := range w.model.Records().Orders {
		if o.State == sale.StateHeld && slices.Contains(split(entry), remotestock.EncodeID(id)) {
			w.due[id] = true
		}
	}
}

// split are the ids in an entry of the deadlines.
func split(entry string) (ids []string) {
	for id := range slices.Chunk([]byte(entry), 16) {
		ids = append(ids, string(id))
	}
	return ids
}

// expire ends all overdue holds, a few at a time. The stream names them.
func (w *world) expire(t *rapid.T) {
	limit := rapid.IntRange(1, 3).Draw(t, "limit")
	for more := true; more; {
		w.see()
		n, again, _, err := w.store.Expire(context.Background(), w.id, 0, limit)
		if _, err2 := w.model.Expire(); err != nil || err2 != nil {
			wantKind(t, "expire", err, err2)
			return
		}
		if more = again; n == 0 {
			continue
		}
		ids := w.wantOverdue(t, limit)
		if len(ids) != n {
			t.Fatalf("expire: got %d ended and %d in the stream", n, len(ids))
		}
		if got, err := w.model.Expire(ids...); err != nil || len(got) != n {
			t.Fatalf("expire: got %d ended, %v in the model, want %d", len(got), err, n)
		}
	}
	for id := range w.due {
		if o := w.model.Records().Orders[id]; o.State == sale.StateHeld {
			t.Fatalf("expire: %+v is overdue still", o)
		}
	}
	clear(w.due)
	w.wantTrimmed(t)
}

// wantOverdue are the holds that the newest event has ended: overdue ones, at most limit.
func (w *world) wantOverdue(t *rapid.T, limit int) (ids []sale.OrderID) {
	newest := w.client.XRevRangeN(context.Background(), remotestock.Keys(w.id)[5], "+", "-", 1).Val()
	ended, err := remotestock.ParseRows(fmt.Sprint(newest[0].Values["orders"]))
	if err != nil || len(ended) > limit {
		t.Fatalf("got %d holds ended, %v, want at most %d", len(ended), err, limit)
	}
	for _, o := range ended {
		if !w.due[o.ID] {
			t.Fatalf("got %+v ended, which is not overdue", o)
		}
		delete(w.due, o.ID)
		ids = append(ids, o.ID)
	}
	return ids
}

// refill has a dry node ask for tickets, which ends overdue holds first.
func (w *world) refill(t *rapid.T) {
	ctx, stream := context.Background(), remotestock.Keys(w.id)[5]
	limit, quantity := rapid.IntRange(1, 3).Draw(t, "limit"), rapid.IntRange(1, 6).Draw(t, "quantity")
	weight := rapid.IntRange(1, 3).Draw(t, "weight")
	all := weight + rapid.IntRange(0, 3).Draw(t, "other weights")
	w.see()
	before := w.client.XLen(ctx, stream).Val()
	got, err := w.store.Refill(ctx, w.id, 0, limit, quantity, weight, all)
	var ended []sale.OrderID
	if w.client.XLen(ctx, stream).Val() > before {
		ended = w.wantOverdue(t, limit)
	}
	if err == nil {
		w.model.Now = got.Reading.At
	}
	want, err2 := w.model.Refill(ended, int64(quantity), int64(weight), int64(all))
	wantKind(t, "refill", err, err2)
	if got.Tickets != want.Tickets || got.Result != want.Result || got.Reading.Remaining != want.Reading.Remaining {
		t.Fatalf("refill: got %+v, want %+v", got, want)
	}
}

// wantTrimmed: after an expire nothing is left that may be removed.
func (w *world) wantTrimmed(t *rapid.T) {
	s, err := w.store.Snapshot(context.Background(), w.id)
	if err != nil {
		t.Fatal(err)
	}
	for id := range s.Orders {
		if w.model.Removable(id) {
			t.Fatalf("expire: order %+v is there still", s.Orders[id])
		}
	}
}

// commit is the ledger: it reads the stream, checks that it follows upon what it has, and
// has Redis forget that. Sometimes it repeats what it has reported before.
func (w *world) commit(t *rapid.T) {
	if !w.config.Ledger {
		return
	}
	ctx := context.Background()
	p, err := w.store.Page(ctx, w.id, "", rapid.IntRange(0, 4).Draw(t, "entries"))
	if err != nil {
		t.Fatal(err)
	}
	next, ids := w.ledger, []string(nil)
	for _, e := range p.Events {
		if e.Mark.Epoch == next.Epoch && e.Mark.Seq <= next.Seq { // it was not deleted, or came back
			ids = append(ids, e.ID)
			continue
		}
		if next.Mark.Next(e.Covered) != e.Mark {
			break // it has lost what the ledger has, or gained what it has not: forget will report it
		}
		next.Mark, ids = e.Mark, append(ids, e.ID)
	}
	if next.Seq == 0 {
		return
	}
	w.see()
	wantKind(t, "forget", w.store.Forget(ctx, w.id, next, ids), w.model.Forget(next))
	w.ledger = next
}

func (w *world) remember(t *rapid.T) {
	w.kept = append(w.kept, instant{copyKeys(t, w.client, w.id), w.model.Clone(), maps.Clone(w.due)})
}

// lose takes Redis back to an earlier instant.
func (w *world) lose(t *rapid.T) {
	if len(w.kept) == 0 {
		return
	}
	to := w.kept[rapid.IntRange(0, len(w.kept)-1).Draw(t, "instant")]
	to.keys.putBack(t, w.client, w.id)
	w.model.GoBack(to.model)
	w.due = maps.Clone(to.due)
}

func (w *world) shutByHand(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "shut") > 0 {
		return
	}
	w.see()
	wantKind(t, "shut", w.store.Shut(context.Background(), w.id, "by hand"), nil)
	w.model.Shut("by hand")
}

// adopt reconciles a sale that is shut: what the model has now, or had at some instant,
// becomes the sale.
func (w *world) adopt(t *rapid.T) {
	ctx, seen := context.Background(), w.store.Seen(w.id)
	from := w.model
	if len(w.kept) > 0 && rapid.Bool().Draw(t, "other records") {
		from = rapid.SampledFrom(w.kept).Draw(t, "records").model
	}
	w.fences++
	a := sale.Adoption{
		Was: sale.ShutAt(w.model.Chain().Mark), Fence: fmt.Sprint("fence-", w.fences), Records: from.Records(), Ledger: w.config.Ledger,
		Chain: sale.Chain{Life: w.model.Chain().Life, Mark: sale.Mark{
			Epoch: max(seen.Epoch, w.model.Chain().Epoch) + 1, Seq: max(seen.Seq, w.model.Chain().Seq, w.ledger.Seq),
		}},
	}
	err := w.store.Adopt(ctx, w.id, a)
	if shut := w.model.Lost() != ""; shut != (err == nil) {
		t.Fatalf("adopt: got %v, want it done %v", err, shut)
	} else if !shut {
		return
	}
	w.model.Adopt(a.Records, a.Chain, a.Fence)
	w.ledger = sale.Chain{Life: a.Chain.Life, Mark: sale.Mark{Epoch: a.Chain.Epoch, Seq: a.Chain.Seq, Link: a.Chain.Life}}
	clear(w.due)
	w.kept = nil // it is another sale's past
}

// check compares everything in Redis with the model.
func (w *world) check(t *rapid.T) {
	ctx := context.Background()
	got, err := w.store.Snapshot(ctx, w.id)
	if err != nil {
		t.Fatal(err)
	}
	for id := range w.model.Records().Orders {
		if _, there := got.Orders[id]; !there && !w.model.Remove(id) {
			t.Fatalf("order %+v is missing", w.model.Records().Orders[id])
		}
	}
	want := w.model.Snapshot()
	for id := range want.Deadlines {
		if w.due[id] {
			want.Deadlines[id] = 1
		}
	}
	for id := range got.Deadlines { // what is held no more may be left
		if got.Orders[id].State != sale.StateHeld {
			delete(got.Deadlines, id)
		}
	}
	// The ledger first reports what it has, and deletes that from the stream when it can.
	got.Stream = slices.DeleteFunc(got.Stream, func(e sale.Event) bool { return e.Mark.Seq <= got.Read })
	ignored := cmp.Options{cmpopts.IgnoreFields(sale.Event{}, "ID", "At"), cmpopts.IgnoreFields(sale.Snapshot{}, "At"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(want, got, ignored); diff != "" {
		t.Fatalf("snapshot (-model +redis):\n%s", diff)
	}
	seen := w.store.Seen(w.id)
	w.see()
	survey, err := w.store.Survey(ctx, w.id)
	switch {
	case err != nil:
		t.Fatal(err)
	case survey.Counters != w.model.Counters() || !survey.Counters.Conserved():
		t.Fatalf("got the books %+v, want %+v", survey.Counters, w.model.Counters())
	case survey.Lost != w.model.Lost():
		t.Fatalf("got it shut because %q, want %q; %+v was seen", survey.Lost, w.model.Lost(), seen)
	case survey.Recorded != (!w.config.Ledger || w.model.Read() > 0):
		t.Fatalf("got recorded %v after event %d", survey.Recorded, w.model.Read())
	}
}
