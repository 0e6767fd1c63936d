package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// ErrUnsolvable: no number up to maxnumber solves the challenge, or it is none of ours. Returned by Solve.
var ErrUnsolvable = errors.New("the challenge has no solution")

// stride is how many numbers are tried between two looks at the context: some hundred microseconds.
const stride = 4096

// Solve returns the challenge's solution as it is to be sent. It tries the numbers one after the other on this goroutine,
// and calls progress, unless that is nil, now and then with the share that it has tried, 0 to 1. The error is ctx's, or ErrUnsolvable.
func Solve(ctx context.Context, c Challenge, progress func(tried float64)) (payload string, err error) {
	want, err := hex.DecodeString(c.Challenge)
	if err != nil || len(want) != sha256.Size || c.Algorithm != Algorithm {
		return "", fmt.Errorf("%w: want %s of 64 hexadecimal digits", ErrUnsolvable, Algorithm)
	}
	goal := [sha256.Size]byte(want)
	text := []byte(c.Salt)
	for n := int64(0); n <= c.MaxNumber; n++ {
		if n%stride == 0 {
			if err := ctx.Err(); err != nil {
				return "", err
			}
			if progress != nil {
				progress(float64(n) / float64(c.MaxNumber+1))
			}
		}
		if text = strconv.AppendInt(text[:len(c.Salt)], n, 10); sha256.Sum256(text) == goal {
			if progress != nil {
				progress(1)
			}
			return c.Payload(n), nil
		}
	}
	return "", ErrUnsolvable
}
