package buyerapi

// These are for tests.
var (
	DecodeOrder  = decodeOrder
	WriteProblem = writeProblem
)
