// Package remotestock is onsale's access to Redis, the sole authority over
// stock: it owns the key names, runs the scripts of package lua, and gathers
// claims into group commits.
//
// # What an error means
//
// Every failed call is sorted into one of two kinds, and nothing is ever
// guessed in between. Either Redis proved that the script did not run (it was
// never reached, or answered with an error that precedes the first write):
// then the error wraps [sale.ErrUnavailable] and the caller may hand its
// tickets back. Or the call may have run and its answer was lost: then the
// claim is sent again under the same order id until Redis decides or the
// claim's deadline passes, which is [sale.ErrUnknown].
//
// go-redis never retries a script on its own: with its defaults one call of a
// script ran four times.
package remotestock
