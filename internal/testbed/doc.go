// Package testbed starts whole sites on this machine, for development, benchmarks and tests:
// embedded in this process, or of real processes with private servers.
package testbed
