package model

import (
	"encoding/hex"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// What links cover of orders, written once more and apart from remotestock's codec, so that
// each checks the other: see lua/order.lua. Payments have the codec of package sale, which
// the scripts check.

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

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
