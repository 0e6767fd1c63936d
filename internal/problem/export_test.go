package problem

import (
	"maps"
	"slices"
)

// Explained are the codes that a page explains.
func Explained() []string { return slices.Sorted(maps.Keys(explained)) }
