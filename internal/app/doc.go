// Package app is what the programs share: their command line, the flags of Redis and of the
// site, and the group that runs their parts. Below it each program is wired in a package of its
// own, which links only what that program needs.
package app
