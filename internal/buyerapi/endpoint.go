package buyerapi

// Endpoint is one of the closed set of what a request asks for, by path and method alone.
type Endpoint uint8

// Every endpoint of the API.
const (
	Elsewhere     Endpoint = iota // no path or method of ours, or a request that could not be read
	ShowSale                      // GET /v1/sales/{sale}
	PlaceOrder                    // POST /v1/sales/{sale}/orders
	ShowOrder                     // GET /v1/sales/{sale}/orders/{order}
	CancelOrder                   // DELETE /v1/sales/{sale}/orders/{order}
	JoinLine                      // POST /v1/sales/{sale}/line
	Webhook                       // POST of a payment provider
	ShowChallenge                 // GET /v1/sales/{sale}/line/challenge
	Session                       // GET, POST or DELETE /v1/session
)

var endpoints = [...]string{
	Elsewhere: "other", ShowSale: "show-sale", PlaceOrder: "place-order", ShowOrder: "show-order", CancelOrder: "cancel-order", JoinLine: "join-line", Webhook: "webhook",
	ShowChallenge: "show-challenge", Session: "session",
}

// Endpoints is how many endpoints there are, for tables indexed by one.
const Endpoints = len(endpoints)

// String is the endpoint's stable name: a metric label.
func (e Endpoint) String() string { return endpoints[e] }

// Outcome is how an answer ended, of a closed set small enough for times by endpoint.
type Outcome uint8

// Every outcome.
const (
	Succeeded Outcome = iota // what was asked for was done, or had been
	Refused                  // it was not, for a reason of the sale's or the request's
	Failed                   // it was not, or nobody knows, and the site is to blame
)

var outcomeNames = [...]string{Succeeded: "succeeded", Refused: "refused", Failed: "failed"}

// Outcomes is how many outcomes there are, for tables indexed by one.
const Outcomes = len(outcomeNames)

// String is the outcome's stable name: a metric label.
func (o Outcome) String() string { return outcomeNames[o] }

// Outcome is that of the answer.
func (a Answer) Outcome() Outcome {
	switch status := a.Status(); {
	case status >= 500:
		return Failed
	case status >= 400:
		return Refused
	}
	return Succeeded
}
