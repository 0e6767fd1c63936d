// Command buy buys tickets, and prints the order.
//
//	SITE=http://127.0.0.1:8080 TOKEN=eyJ… go run ./docs/examples/buy SALE QUANTITY
//
// Whatever is lost on the way, the same request is sent again: a buyer gets one order in a sale.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: SITE=… TOKEN=… buy SALE QUANTITY")
		os.Exit(2)
	}
	order, err := buy(context.Background(), os.Getenv("SITE"), os.Getenv("TOKEN"), os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(order)
}

// buy sends the purchase until it is answered for good. The error of a refusal is its problem document.
func buy(ctx context.Context, site, token, sale, quantity string) (order string, err error) {
	for range 8 {
		status, wait, body, err := ask(ctx, site, token, sale, quantity)
		switch {
		case err == nil && status < 300:
			return body, nil
		case err == nil && status != http.StatusTooManyRequests && status < 500:
			return "", fmt.Errorf("refused: %s", body)
		}
		select {
		case <-time.After(wait): // nobody knows, or not now: send it again
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return "", fmt.Errorf("no answer after 8 attempts")
}

// ask sends it once, and returns how long to wait before sending it again.
func ask(ctx context.Context, site, token, sale, quantity string) (status int, wait time.Duration, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	wait = time.Second
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, site+"/v1/sales/"+sale+"/orders", strings.NewReader(`{"quantity":`+quantity+`}`))
	if err != nil {
		return 0, wait, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", sale)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, wait, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // absent: a second
	return answer.StatusCode, time.Duration(cmp.Or(seconds, 1)) * time.Second, string(text), err
}
