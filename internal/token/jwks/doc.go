// Package jwks reads an identity provider's JSON Web Key Set from its address, and again in the background.
//
// Tokens never wait for it: they are verified with the last good set, however long the address is away
// or publishes something else. A token of an unknown key id brings the next request forward, to no more than one in
// [Config.Refetch], whatever strangers send; the token itself is refused.
package jwks
