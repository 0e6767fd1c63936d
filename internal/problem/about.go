package problem

// about explains a problem to the person whose program got it.
type about struct {
	who  string   // buyers, providers or operators
	why  string   // when this happens, and what has been done
	next []string // what to do, in order
}

const (
	buyers    = "buyers"
	providers = "payment providers"
	operators = "operators"
)

// Where buyers find the order that they may have.
const (
	mine    = "<code>GET /v1/sales/{sale}/orders/mine</code>"
	askMine = "Ask for " + mine + ": if you have an order, it is there."
)

// explained is what a page has beside the table, by code.
var explained = map[string]about{
	"sold-out": {buyers, "Every ticket is held or paid at this moment. Tickets come back when holds lapse unpaid, are cancelled, or paid orders are refunded.", []string{
		"If an answer of yours was lost before, or this one carries <code>Onsale-Retried</code>, ask for " + mine + " first.",
		"Look at the sale now and then: its <code>state</code> is <code>open</code> again when a ticket has come back.",
		"In a sale with a line your place stays. Those next in turn are served first."}},
	"not-enough": {buyers, "Fewer tickets are left than you asked for. Nothing was ordered.", []string{
		"Buy again with at most <code>remaining</code> tickets.", "If an answer of yours was lost before, ask for " + mine + " first."}},
	"already-ordered": {buyers, "One buyer has one live order in a sale, and yours has another quantity.", []string{
		"Keep it: its id is in <code>order</code>.", "Or cancel it while it is held, then buy again."}},
	"hold-limit": {buyers, "You held tickets as often as this sale allows without paying for them. That keeps people from holding tickets that others would buy.", []string{
		"This sale sells you nothing more. Ask its organizer if that seems wrong to you."}},
	"not-cancellable": {buyers, "The order is not held any more: it was paid, has lapsed, or was cancelled before.", []string{
		"Ask for the order to see its state.", "Only the organizer can refund a paid order."}},
	"not-open": {buyers, "The sale opens later. Time is the site's, not your device's.", []string{
		"Wait until <code>opens_at</code>, counted from <code>server_time</code> in this answer.", "If the sale has a line, join it now."}},
	"closed": {buyers, "The organizer has closed the sale, or its time is over. Orders made before stay as they are.", []string{
		askMine, "A hold can still be paid until it expires."}},
	"no-line": {buyers, "This sale is open to all: nobody has to join.", []string{
		"Buy with <code>POST /v1/sales/{sale}/orders</code>."}},
	"line-full": {buyers, "The line has as many places as the organizer allows.", []string{
		"Look at the sale again: the organizer may raise <code>line_limit</code>."}},
	"place-required": {buyers, "This sale sells to those who have joined its line. The purchase came without a place token, or with one that is not valid for this buyer and sale; <code>reason</code> has which.", []string{
		"Join at the address in <code>line</code>. Who has joined before gets the same place again.",
		"Send the <code>token</code> of the answer as <code>Onsale-Place</code>."}},
	"not-your-turn": {buyers, "The line has not been admitted up to your place, or you came so late that others are called first.", []string{
		"Wait for <code>Retry-After</code> seconds, then ask for the sale.",
		"Buy once <code>front</code> has reached your <code>position</code>. Asking more often brings nobody nearer."}},
	"unauthorized": {buyers, "The request has no token, or one that can't be accepted; <code>reason</code> has why: its signature, audience, issuer or time.", []string{
		"Sign in again to get a new token.", "Send it as <code>Authorization: Bearer</code>."}},
	"sale-unknown": {buyers, "No sale has this id here.", []string{
		"Check the address: ids have small letters, digits and hyphens."}},
	"order-unknown": {buyers, "You have no such order in this sale. Orders are shown to their owners alone.", []string{
		askMine, "Check that you are signed in as the buyer who ordered."}},
	"not-found": {buyers, "There is nothing at this address.", []string{
		"Compare it with the API's description: every address has one spelling, without a slash at its end."}},
	"method-not-allowed": {buyers, "The address is right, its method is not.", []string{
		"Use one of the methods in <code>Allow</code>."}},
	"bad-request": {buyers, "What came is not HTTP as the standard has it.", []string{
		"Check the client that sent it, and any proxy on its way."}},
	"request-timeout": {buyers, "The request came too slowly, and was not read to its end.", []string{
		"Send it again, all at once."}},
	"body-too-large": {buyers, "The body is larger than any that the API takes. Nothing was done.", []string{
		`Send what the API documents, for instance <code>{"quantity":1}</code>.`}},
	"header-too-large": {buyers, "The headers are larger than 8 KB. Nothing was done.", []string{
		"Drop cookies, or use a shorter token."}},
	"invalid-request": {buyers, "The body or a parameter is not what the API takes; <code>reason</code> or <code>detail</code> has each fault. Nothing was done.", []string{
		"Correct what is named, and send it again."}},
	"quantity-limit": {buyers, "One order has at most as many tickets as the sale's <code>limit</code>.", []string{
		"Buy at most <code>limit</code> tickets."}},
	"proof-required": {buyers, "Who joins this line has to prove a little work or solve a captcha first. That slows down programs that join by the thousand.", []string{
		"Get a challenge at the address in <code>challenge</code> and solve it, or have the buyer solve the page's captcha.",
		`Join with <code>{"proof":"…"}</code>.`}},
	"proof-wrong": {buyers, "The proof has expired, is for another buyer or sale, or was altered; <code>reason</code> has which.", []string{
		"Get a new challenge, solve it, and join with that."}},
	"proof-unavailable": {buyers, "The captcha's provider does not answer the site. Nobody has joined by this request.", []string{
		"Wait for <code>Retry-After</code> seconds, solve a new captcha, and join again."}},
	"cross-site": {buyers, "A page of another site sent this request with your cookie. Nothing was done.", []string{
		"Open the sale's own page, and go on there.", "A program sends <code>Authorization: Bearer</code> in place of the cookie."}},
	"webhook-malformed": {providers, "A header of Standard Webhooks is missing or cut off. The message was not taken.", []string{
		"Send <code>webhook-id</code>, <code>webhook-timestamp</code> and <code>webhook-signature</code>."}},
	"webhook-signature": {providers, "None of the site's secrets has signed exactly this id, time and body. The message was not taken.", []string{
		"Check that both sides have the same secret.", "Sign the body byte by byte as it is sent."}},
	"webhook-expired": {providers, "The message's time is more than five minutes from the site's.", []string{
		"Sign each attempt anew, with its own time.", "Check the clock of the sender."}},
	"payment-conflict": {providers, "A message of this id, or this payment, came before with another content. Nothing was changed.", []string{
		"Give each payment and each message an id of its own."}},
	"invalid-payment": {providers, "The message is signed, but what it reports can't be read; <code>reason</code> has why. Nothing was changed.", []string{
		"Send <code>payment</code>, <code>sale</code>, <code>order</code>, <code>amount</code> in the minor unit and <code>currency</code>."}},
	"payment-outcome-unknown": {providers, "The answer of the store was lost, so the payment may have been recorded.", []string{
		"Send the same message again: a payment counts once."}},
	"busy": {buyers, "More requests are under way than the service takes at once. It turns some away early, so that it can answer the others.", []string{
		"Wait for <code>Retry-After</code> seconds, then send the same request again.",
		"If this answer carries <code>Onsale-Retried</code>, ask for " + mine + " first."}},
	"store-unavailable": {buyers, "The store that decides about each ticket does not answer. Nothing is sold meanwhile, and nothing that was sold is lost.", []string{
		"Wait for <code>Retry-After</code> seconds, then send the same request again.",
		"If this answer carries <code>Onsale-Retried</code>, ask for " + mine + " first."}},
	"outcome-unknown": {buyers, "The answer of the store was lost, so what you asked for may have been done.", []string{
		askMine, "Or send the same request again: it can't order twice."}},
	"rate-limited": {buyers, "More requests came from you, or from your address, than one person sends. Nothing was done.", []string{
		"Wait for <code>Retry-After</code> seconds.", "Ask as often as the page does, and not more: nobody is served sooner for it."}},
	"uri-too-long": {buyers, "The address is longer than 8 KB.", []string{"Shorten it: no address of the API needs a hundred letters."}},
	"node-unreachable": {buyers, "No machine answered, so what you asked for may have been done.", []string{
		"Wait for <code>Retry-After</code> seconds, then send the same request again: it can't order twice."}},
	"node-timeout": {buyers, "A machine did not answer in time, so what you asked for may have been done.", []string{
		"Wait for <code>Retry-After</code> seconds, then send the same request again: it can't order twice."}},
	"edge-error": {buyers, "The server in front could not serve the request.", []string{
		"Send it again.", "If it fails again, give support the answer's <code>X-Request-Id</code>."}},
	"no-admin-token": {operators, "This process was started without an admin token, so its calls are switched off.", []string{
		"Start it with <code>--admin-token-file</code>."}},
	"payment-unknown": {operators, "No payment of this sale has that id.", []string{
		"List them: <code>onsale refund list</code>."}},
	"node-unknown": {operators, "Neither gossip nor the settings know a node of this name.", []string{
		"List the nodes: <code>onsale node list</code>."}},
	"conflict": {operators, "The present state does not allow this change; <code>detail</code> has why. Nothing was changed.", []string{
		"Look at the present state, then decide."}},
	"sale-lost": {operators, "Redis has lost events of this sale that buyers had been answered, so the sale is shut until its records are compared.", []string{
		"Run <code>onsale reconcile</code> with <code>--dry-run</code>, read its cases, then run it.", "The runbook's page on lost data has the steps."}},
	"internal": {operators, "A fault of the program itself.", []string{
		"Look at its log at the time of this answer.", "Report it, with the log's lines."}},
}
