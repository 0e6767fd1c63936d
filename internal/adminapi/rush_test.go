package adminapi_test

import (
	"time"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// The orders of the tests: anOrder is paid, anotherOrder cancelled, and bobs held.
const (
	anOrder      = sale.OrderID("01890a5d-ac96-774b-bcce-b302099a8057")
	anotherOrder = sale.OrderID("01890a5d-ac96-774b-bcce-b302099a8058")
	bobs         = sale.OrderID("01890a5d-ac96-774b-bcce-b302099a8059")
)

// concert is what the sales of the tests sell.
func concert(id sale.ID) sale.Sale {
	return sale.Sale{
		ID: id, Title: "Concert", Kind: sale.Ticket, Price: 4950, Currency: "EUR", Total: 100,
		Opens: noon, Closes: noon.Add(time.Hour), Limit: 4, HoldFor: 90_500 * time.Millisecond,
	}
}

// open is a sale that was opened at noon, and recorded.
func open(d sale.Sale) *model.Sale {
	m := model.New(d, "life", true)
	m.Now = noon
	must(m.Forget(m.Chain()))
	return m
}

// rush is a sale in the middle of its rush, a minute after noon, with a payment in each state.
func rush(id sale.ID) *model.Sale {
	m := open(concert(id))
	hold(m, anOrder, "alice <a b>", 2)
	hold(m, anotherOrder, "dave", 2)
	hold(m, bobs, "bob", 30)
	m.Now = noon.Add(time.Minute)
	pay(m, "pay/3", anOrder, 9000) // too little
	pay(m, "pay/1", anOrder, 9900)
	pay(m, "pay/2", anOrder, 9900) // once more
	_, err := m.Settle("pay/2")
	must(err)
	_, err = m.Cancel(anotherOrder, "dave")
	must(err)
	pay(m, "pay/4", anotherOrder, 9900) // too late
	return m
}

func hold(m *model.Sale, id sale.OrderID, buyer sale.Buyer, quantity int) {
	d, err := m.Decide([]sale.Claim{{Order: id, Buyer: buyer, Quantity: quantity}}, false)
	if must(err); d[0].Outcome != sale.Held {
		panic("got " + d[0].Outcome.String())
	}
}

func pay(m *model.Sale, id sale.PaymentID, order sale.OrderID, amount int64) {
	_, err := m.Pay(sale.Payment{ID: id, Message: "msg_" + sale.MessageID(id), Order: order, Amount: amount, Currency: "EUR"})
	must(err)
}

// must panics if a sale of the tests can't be made.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// orderOf is an order of a sale.
func orderOf(m *model.Sale, id sale.OrderID) sale.Order {
	o, err := m.Order(id)
	must(err)
	return o
}
