// Package proof has a buyer show, before joining a sale's line, that joining is worth a little work: so that a flood of
// joins costs its sender something.
//
// # The proof of work
//
// It is ALTCHA's protocol (https://altcha.org/docs/) with SHA-256, in the form that all of its public clients
// solve. A challenge is SHA-256(salt ‖ number) of a random number up to maxnumber. The client tries numbers from 0 on until one gives the
// challenge, and returns salt, challenge, signature and number as JSON in base64.
//
// The signature is HMAC-SHA256 over sale, buyer and challenge. So a solution is of no use for another sale or to another buyer,
// and the expiry, which is in the salt, can't be changed. There is no store of used solutions: within the few minutes of its validity
// one may be sent again, but joining again answers with the place that its buyer has.
//
// The salt ends in "&". Otherwise "…?expires=17" with the number 23 would have the same hash, and so the same signature, as
// "…?expires=172" with the number 3: digits of the number would pass into the expiry.
//
// # What it is worth
//
// It slows floods, and bounds no identities: a program hashes two hundred times as fast as the browser of a cheap phone, and who has
// many identities solves many challenges. How many joins a buyer may ask for is the rate limits' business.
//
// # The alternative
//
// A site with a captcha provider has [Siteverify] ask that provider in place of the proof of work.
package proof
