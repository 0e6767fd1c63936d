// Package ratelimit bounds how often buyers may ask one node: each of them, in memory that does not grow with their number,
// and all of them together.
//
// A buyer's requests are counted by GCRA (the generic cell rate algorithm, ITU-T I.371): a cell holds the theoretical
// arrival time of the next request, and one that comes earlier than a burst allows is refused. There are two arrays of cells,
// and a buyer has one cell in each, by two hashes with secret keys. A request is refused only if both cells are ahead, and
// counts in both; so a buyer within the limit is refused only if others who ask too often have a cell of theirs in
// both places. [Collisions] is how likely that is. Nobody who doesn't know the keys can choose whose cells to fill.
package ratelimit
