// Package judge decides whether the figures of a run count: it puts what the buyers of a sale
// were answered beside what its stores hold. Every command of the bench has its sales judged
// here, and by nothing else.
package judge
