// Package cluster puts the parts together. It wires a node and an allocator
// for their commands and for development mode, and starts whole clusters of
// real processes for development, benchmarks and tests. Beside cmd/ it is the
// only package that knows all the others.
package cluster
