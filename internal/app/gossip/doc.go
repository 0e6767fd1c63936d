// Package gossip configures the gossip of nodes and allocators: its flags, the addresses that
// others reach this machine at, and the registry in Redis that members are compared with.
package gossip
