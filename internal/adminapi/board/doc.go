// Package board is a page for operators that shows a site while it sells: one screen, fed by server-sent events.
//
// # Invariant
//
// Looking costs the sale nothing. The board shows the surveys that the allocator makes anyway, and what its hooks report. While
// at least one browser looks, it reads once a second which programs run, the same for all of them: ten viewers cost Redis
// what one does. Everything that grows with time is bounded: a sale's curve, what is remembered of events, the viewers, and
// what waits for a viewer, which is the newest frame alone.
package board
