package buyerapi

import (
	"math/rand/v2"
	"strconv"

	"github.com/valyala/fasthttp"

	"onsale/internal/line"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// placeHeader carries a place token, as it is spelled inside fasthttp.
var placeHeader = []byte("Onsale-Place")

// join gives a buyer a place in the sale's line: 201 the first time, 200 with the same place ever
// after.
func (h *Handler) join(ctx *fasthttp.RequestCtx, seller Seller) Answer {
	phase, err := seller.Precheck()
	switch {
	case err != nil, h.places == nil:
		return writeProblem(ctx, StoreUnavailable)
	case !seller.Sale().HasLine():
		return writeProblem(ctx, NoLine)
	case phase == sale.PhaseClosed:
		return writeProblem(ctx, Closed)
	}
	if !h.load.enter(joining) {
		return writeProblem(ctx, Busy)
	}
	defer h.load.leave()
	buyer, a := h.identify(ctx, seller, false)
	if a != OK {
		return a
	}
	id := seller.Sale().ID
	// A token that proves nothing is no fault: the buyer joins as one who has none.
	known, _ := h.places.Verify(unsafeString(ctx.Request.Header.PeekBytes(placeHeader)), id, buyer)
	// Who has a place has proven enough for it.
	if known == (sale.Proof{}) {
		if a := h.proven(ctx, seller, buyer); a != OK {
			return a
		}
	}
	placed, proof, err := seller.Join(buyer, known.Place)
	if err != nil {
		return writeProblem(ctx, StoreUnavailable)
	}
	switch a := joins[placed.Outcome]; a {
	case Joined, Rejoined:
		return writeAnswer(ctx, a, appendPlace(nil, id, placed, seller.Stands(buyer, proof), h.places.Sign(id, buyer, proof)))
	default:
		return writeProblem(ctx, a)
	}
}

// joins is the table from the outcomes of a join to the API's answers.
var joins = map[sale.JoinOutcome]Answer{
	sale.NoJoin: StoreUnavailable, sale.Joined: Joined, sale.Rejoined: Rejoined,
	sale.LineFull: LineFull, sale.LineClosed: Closed, sale.LineBusy: Busy,
}

// appendPlace renders a place as its buyer sees it. Every text in it comes from an alphabet that
// JSON does not escape. The position of one who was drawn is not known before the draw.
func appendPlace(b []byte, id sale.ID, placed sale.Placed, t sale.Turn, token string) []byte {
	b = append(append(b, `{"sale":"`...), id...)
	b = append(append(b, `","place":"`...), placed.Place.String()...)
	if t.Position > 0 {
		b = strconv.AppendInt(append(b, `","position":`...), t.Position, 10)
		b = append(b, `,"joined":`...)
	} else {
		b = append(b, `","joined":`...)
	}
	b = strconv.AppendInt(b, placed.Line.Joined, 10)
	b = strconv.AppendInt(append(b, `,"front":`...), max(placed.Line.Front, t.Front), 10)
	return append(append(append(b, `,"token":"`...), token...), `"}`...)
}

// admit answers a purchase without a place, or before its turn, and returns OK with the turn for the others. It
// costs no call of Redis, but where a buyer would have to wait by what is known.
func (h *Handler) admit(ctx *fasthttp.RequestCtx, seller Seller, buyer sale.Buyer) (sale.Turn, Answer) {
	if h.places == nil {
		return sale.Turn{}, writeProblem(ctx, StoreUnavailable)
	}
	s := seller.Sale()
	token := ctx.Request.Header.PeekBytes(placeHeader)
	proof, err := h.places.Verify(unsafeString(token), s.ID, buyer)
	if err != nil {
		reason := "there is no Onsale-Place"
		if len(token) > 0 {
			reason = err.Error()
		}
		return sale.Turn{}, writeProblem(ctx, PlaceRequired, `,"line":"`+prefix, string(s.ID), `/line","reason":`, problem.Quote(reason))
	}
	turn, err := seller.Turn(buyer, proof)
	switch {
	case err != nil:
		return turn, writeProblem(ctx, StoreUnavailable)
	case turn.Come:
		return turn, OK
	}
	return turn, writeTurn(ctx, turn, s.LineRate)
}

// writeTurn answers a buyer whose turn has not come, or who came too late after it and has to wait
// until those are called who came late before.
func writeTurn(ctx *fasthttp.RequestCtx, t sale.Turn, rate int) Answer {
	ctx.Response.Header.Set("Retry-After", strconv.FormatInt(wait(t, rate), 10))
	members := make([]byte, 0, 96)
	if t.Position > 0 {
		members = strconv.AppendInt(append(members, `,"position":`...), t.Position, 10)
	}
	members = strconv.AppendInt(append(members, `,"front":`...), t.Front, 10)
	document := documents[NotYourTurn]
	if t.Late {
		document = comeLate
		members = strconv.AppendInt(append(members, `,"ahead":`...), t.Ahead, 10)
	}
	return writeDocument(ctx, NotYourTurn, document, string(members))
}

// comeLate is for a buyer whom no front brings nearer any more.
var comeLate = problem.NotYourTurn.Document(
	"Your turn came some time ago, and the tickets of this moment are for those who came before you. You keep your place among those who are late: try again after Retry-After.")

// wait is after how many seconds the buyer should ask again.
func wait(t sale.Turn, rate int) int64 {
	again, ahead := line.AskAgain, t.Position-t.Front
	if t.Late {
		again, ahead = line.AskAgainLate, t.Ahead
	}
	return int64(again(ahead, rate, rand.Float64()) + 0.5)
}
