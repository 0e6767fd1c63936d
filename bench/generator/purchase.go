package generator

// template is a request about a sale without its token. Three copies make a request of
// it, which is so cheap beside sending it that nothing is rendered beforehand.
type template struct{ before, after string }

func newTemplate(sale string) template {
	return template{
		"POST /v1/sales/" + sale + "/orders HTTP/1.1\r\nHost: onsale\r\nAuthorization: Bearer ",
		"\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n" + `{"quantity":1}`,
	}
}

// newJoin is a join of the sale's line.
func newJoin(sale string) template {
	return template{
		"POST /v1/sales/" + sale + "/line HTTP/1.1\r\nHost: onsale\r\nAuthorization: Bearer ",
		"\r\nContent-Length: 0\r\n\r\n",
	}
}

// placeHeader goes between a buyer's token and its place token.
const placeHeader = "\r\nOnsale-Place: "

// newMine is the question for the token's order in a sale.
func newMine(sale string) template {
	return template{
		"GET /v1/sales/" + sale + "/orders/mine HTTP/1.1\r\nHost: onsale\r\nAuthorization: Bearer ",
		"\r\n\r\n",
	}
}

// appendTo renders the request with the token.
func (t template) appendTo(b []byte, token string) []byte {
	b = append(b, t.before...)
	b = append(b, token...)
	return append(b, t.after...)
}

// Purchase is the request, byte by byte, that the generator sends with the token.
func Purchase(sale, token string) []byte { return newTemplate(sale).appendTo(nil, token) }
