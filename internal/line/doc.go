// Package line is the waiting room of a sale that admits its buyers in turn: who stands where,
// and how far the line has been admitted. It is pure: no I/O, no clock, standard library only.
//
// The draw orders those who joined before it. [NewDraw] computes it, and [Record.Verify]
// computes it again from what is public, so that a changed seed, beacon or list is found.
//
// The front is how many places have been admitted. [Front] is its rule as a state machine, which
// lua/advance.lua repeats in Redis, operation by operation: both use only
// additions, multiplications, divisions and square roots, which IEEE 754 rounds alike
// everywhere. Its promise is that the front never falls, and that few of those who try
// buy in their turn find the sale sold out.
package line
