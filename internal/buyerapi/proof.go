package buyerapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/valyala/fasthttp"

	"onsale/internal/problem"
	"onsale/internal/proof"
	"onsale/internal/sale"
)

// challenger is a proof.Verifier that has buyers work.
type challenger interface {
	Challenge(id sale.ID, buyer sale.Buyer, easy int64, now sale.Instant) proof.Challenge
}

// noChallenge is for sites whose buyers prove something else, or nothing.
var noChallenge = problem.NotFound.Document("This site has nobody solve challenges. Join without a proof, or with the response of the page's captcha.")

// challengeOf and challengeEnd are around the sale's id in the address of its challenges.
const (
	challengeOf  = `,"challenge":"` + prefix
	challengeEnd = `/line/challenge"`
)

// challenge makes one for the token's buyer.
func (h *Handler) challenge(ctx *fasthttp.RequestCtx, seller Seller) Answer {
	work, works := h.proofs.(challenger)
	s := seller.Sale()
	switch {
	case !works:
		return writeDocument(ctx, NotFound, noChallenge)
	case !s.HasLine():
		return writeProblem(ctx, NoLine)
	}
	if !h.load.enter(joining) {
		return writeProblem(ctx, Busy)
	}
	defer h.load.leave()
	buyer, a := h.identify(ctx, seller, false)
	if a != OK {
		return a
	}
	now, _ := seller.Now() // the token was verified by it
	var space [384]byte
	return writeAnswer(ctx, OK, work.Challenge(s.ID, buyer, s.ProofEasy, now).AppendJSON(space[:0]))
}

// proven returns OK if the request's body proves what a buyer has to prove before joining, or what it has answered instead.
func (h *Handler) proven(ctx *fasthttp.RequestCtx, seller Seller, buyer sale.Buyer) Answer {
	text, err := decodeProof(ctx.PostBody())
	if err != nil {
		return writeProblem(ctx, InvalidRequest, `,"reason":`, problem.Quote(err.Error()))
	}
	now, _ := seller.Now() // the token was verified by it
	id := seller.Sale().ID
	// A shutdown finishes what is under way; the verifier has a timeout of its own.
	err = h.proofs.Verify(context.Background(), id, buyer, text, string(ctx.Request.Header.Peek("X-Real-IP")), now)
	var members []string
	if _, works := h.proofs.(challenger); works {
		members = []string{challengeOf, string(id), challengeEnd}
	}
	switch {
	case err == nil:
		return OK
	case errors.Is(err, proof.ErrRequired):
		return writeProblem(ctx, ProofRequired, members...)
	case errors.Is(err, proof.ErrWrong):
		return writeProblem(ctx, ProofWrong, append(members, `,"reason":`, problem.Quote(err.Error()))...)
	}
	return writeProblem(ctx, ProofUnavailable)
}

// errProof is why a body is not one.
var errProof = errors.New("want no body, or a JSON object with the text proof and nothing beside it")

// decodeProof reads {"proof":"…"}, or nothing. It goes no further into a body than its first fault, so it does not matter
// how deep a hostile one nests.
func decodeProof(body []byte) (string, error) {
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return "", nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	next := func() json.Token {
		token, _ := d.Token() // nil is none that is wanted
		return token
	}
	if next() != json.Delim('{') {
		return "", errProof
	}
	text := ""
	switch next() {
	case json.Delim('}'):
	case "proof":
		var is bool
		if text, is = next().(string); !is || next() != json.Delim('}') {
			return "", errProof
		}
	default:
		return "", errProof
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", errProof
	}
	return strings.TrimSpace(text), nil
}
