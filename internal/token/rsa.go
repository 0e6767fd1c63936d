package token

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
)

const (
	// minModulus is what RFC 7518 demands of RS256 and PS256.
	minModulus = 2048
	// maxModulus bounds what a token costs: one of 4,096 bits takes thrice as long as one of 2,048.
	maxModulus = 4096
	// minExponent is FIPS 186-5's. With 1 anybody could sign.
	minExponent = 1<<16 + 1
)

// parseModulus accepts a modulus that nobody factors in a moment.
func parseModulus(encoded string) (*big.Int, error) {
	n, err := decodeNumber(encoded)
	switch {
	case err != nil:
		return nil, err
	case n.BitLen() < minModulus || n.BitLen() > maxModulus:
		return nil, fmt.Errorf("want %d to %d bits, got %d", minModulus, maxModulus, n.BitLen())
	case new(big.Int).GCD(nil, nil, n, smallPrimes).Cmp(one) != 0 || n.ProbablyPrime(0) || twins(n):
		return nil, errors.New("a number that anybody factors: anybody could sign for it")
	}
	return n, nil
}

func parseExponent(encoded string) (int, error) {
	e, err := decodeNumber(encoded)
	if err != nil {
		return 0, err
	}
	if e.BitLen() > 31 || e.Int64() < minExponent || e.Bit(0) == 0 {
		return 0, fmt.Errorf("want an odd number from %d to 2^31, such as AQAB", minExponent)
	}
	return int(e.Int64()), nil
}

// decodeNumber accepts the one spelling that RFC 7518 gives a positive number.
func decodeNumber(encoded string) (*big.Int, error) {
	raw, err := decodeSegment(encoded)
	if err == nil && (len(raw) == 0 || raw[0] == 0) {
		err = errors.New("want a positive number without zeros before it")
	}
	return new(big.Int).SetBytes(raw), err
}

var (
	one         = big.NewInt(1)
	smallPrimes = productOfPrimes(2000)
)

func productOfPrimes(below int64) *big.Int {
	product := big.NewInt(1)
	for p := int64(2); p < below; p++ {
		if n := big.NewInt(p); n.ProbablyPrime(0) {
			product.Mul(product, n)
		}
	}
	return product
}

// twins reports whether Fermat's method factors n in a few steps, as it does when the two
// primes are near each other: broken generators made such keys (CVE-2022-26320).
func twins(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	for range 100 {
		rest := new(big.Int).Sub(new(big.Int).Mul(a, a), n)
		if rest.Sign() >= 0 {
			root := new(big.Int).Sqrt(rest)
			if root.Mul(root, root).Cmp(rest) == 0 {
				return true
			}
		}
		a.Add(a, one)
	}
	return false
}

func rsaPrint(k *rsa.PublicKey) string {
	return fingerprint(append(k.N.Bytes(), big.NewInt(int64(k.E)).Bytes()...))
}
