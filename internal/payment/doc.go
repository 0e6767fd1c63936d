// Package payment reads what payment providers report: signed webhooks, in the form of
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
// with symmetric signatures (HMAC-SHA256, v1). It also plays a provider, for
// development and tests: see [Payer].
//
// # The invariant
//
// A message counts only if somebody who knows one of our secrets signed exactly this
// body, under exactly this id, within five minutes of Redis time. [Secrets.Verify] is
// the only judge of that, and [Parse] is for bodies that it has accepted.
//
// # What it leaves to others
//
// A message that is sent again verifies again: that is how providers make sure of their
// delivery, and how an attacker would replay one. So verification is no promise of
// "once". The resolve script gives that promise, by the payment's id: it counts a payment
// once, however often and in however many messages it is reported.
//
// Redis time is the caller's to give. A node that has none can't verify.
package payment
