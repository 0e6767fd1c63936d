package buyerapi

import "github.com/valyala/fasthttp"

// These are for tests.
var (
	DecodeOrder  = decodeOrder
	WriteProblem = writeProblem
)

// Each has both servers changed before they serve.
func (s *Servers) Each(change func(*fasthttp.Server)) {
	change(s.roomy)
	change(s.thrifty)
}
