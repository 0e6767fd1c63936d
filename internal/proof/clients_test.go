package proof_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"onsale/internal/proof"
)

// recorded is a challenge of ours, by the key of 32 k for alice and the sale concert, until a minute after noon.
const recorded = `{"algorithm":"SHA-256","challenge":"131edc050d8ee8fad0a2622522cdcbc1b837b65a602e3ebc23730401951e72d5","maxnumber":20000,"salt":"71dc09e55c03eda1e249500a?expires=2282558460&","signature":"36aca9b5efd66b137ecbdf945a984bb96850662e5a346c08fe13d860bc994305"}`

// The payloads are what ALTCHA's public clients made of the recorded challenge: they have never seen our code.
func TestPublicClientsSolveOurChallenges(t *testing.T) {
	keys := proof.Keys{keyOf(t, 'k')}
	for client, p := range map[string]string{
		"the widget, version 3.2.1, run by Node.js": "eyJhbGdvcml0aG0iOiJTSEEtMjU2IiwiY2hhbGxlbmdlIjoiMTMxZWRjMDUwZDhlZThmYWQwYTI2MjI1MjJjZGNiYzFiODM3YjY1YTYwMmUzZWJjMjM3MzA0MDE5NTFlNzJkNSIsIm51bWJlciI6MzMyNywic2FsdCI6IjcxZGMwOWU1NWMwM2VkYTFlMjQ5NTAwYT9leHBpcmVzPTIyODI1NTg0NjAmIiwic2lnbmF0dXJlIjoiMzZhY2E5YjVlZmQ2NmIxMzdlY2JkZjk0NWE5ODRiYjk2ODUwNjYyZTVhMzQ2YzA4ZmUxM2Q4NjBiYzk5NDMwNSIsInRvb2siOjIyOS45fQ==",
		"altcha-lib-go, v1, which escapes the &":    "eyJhbGdvcml0aG0iOiJTSEEtMjU2IiwiY2hhbGxlbmdlIjoiMTMxZWRjMDUwZDhlZThmYWQwYTI2MjI1MjJjZGNiYzFiODM3YjY1YTYwMmUzZWJjMjM3MzA0MDE5NTFlNzJkNSIsIm51bWJlciI6MzMyNywic2FsdCI6IjcxZGMwOWU1NWMwM2VkYTFlMjQ5NTAwYT9leHBpcmVzPTIyODI1NTg0NjBcdTAwMjYiLCJzaWduYXR1cmUiOiIzNmFjYTliNWVmZDY2YjEzN2VjYmRmOTQ1YTk4NGJiOTY4NTA2NjJlNWEzNDZjMDhmZTEzZDg2MGJjOTk0MzA1In0=",
	} {
		t.Run(client, func(t *testing.T) {
			if err := keys.Verify(concert, alice, p, noon); err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if err := keys.Verify(concert, alice, p, noon.Add(time.Minute)); !errors.Is(err, proof.ErrWrong) {
				t.Errorf("once it has expired: got %v, want %v", err, proof.ErrWrong)
			}
		})
	}
	if err := keys.Verify(concert, alice, solved(t, challenge(t, recorded)), noon); err != nil {
		t.Errorf("our own solver: got %v, want nil", err)
	}
}

// The challenge is one that altcha-lib-go, v1, made for the number 7341.
func TestWeSolveChallengesOfThePublicLibrary(t *testing.T) {
	c := challenge(t, `{"algorithm":"SHA-256","challenge":"a51281ed7371dd6bae5798c96efc07b41df82f3037b65f4e50176e24d62a0c3e","maxNumber":10000,"salt":"796c234694a9948eabe7db93?expires=2282558460\u0026","signature":"e81a2f81cd79b0ed4b7c61f96cf69785f657e57e2dc5ae57c2e6507af998ba81"}`)
	if got := number(t, decoded(t, solved(t, c))); got != 7341 {
		t.Errorf("got the number %d, want 7341", got)
	}
}

// challenge reads one, as clients do.
func challenge(t testing.TB, text string) (c proof.Challenge) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}
