package model

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// What links cover, written once more and apart from remotestock's codec, so that each
// checks the other: see lua/order.lua and lua/payment.lua.

// binary is an order's id in 16 bytes. An id that is no UUID is kept as it is: no
// script takes it, and a fake may use short ones.
func binary(id sale.OrderID) string {
	b, err := hex.DecodeString(strings.ReplaceAll(string(id), "-", ""))
	if err != nil || len(b) != 16 {
		return string(id)
	}
	return string(b)
}

// row is an order as events carry it.
func row(o sale.Order) string {
	letter := map[sale.State]string{
		sale.StateHeld: "h", sale.StatePaid: "p", sale.StateCancelled: "c", sale.StateExpired: "e", sale.StateRefunded: "r",
	}[o.State]
	return string(o.Buyer) + "\n" + binary(o.ID) + letter +
		bytes(int64(o.Quantity), 2) + bytes(int64(o.Created), 6) + bytes(int64(o.Expires-o.Created), 5)
}

// bytes is a number in so many bytes, the highest first.
func bytes(n int64, width int) string {
	b := make([]byte, width)
	for i := range b {
		b[width-1-i] = byte(n >> (8 * i))
	}
	return string(b)
}

// record is a payment as events carry it.
func record(p sale.Payment) string {
	return fmt.Sprint(p.State, " ", cmp.Or(string(p.Reason), "-"), " ", p.Amount, " ", p.Currency, " ", int64(p.At), " ", p.Order, " ", p.Message)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
