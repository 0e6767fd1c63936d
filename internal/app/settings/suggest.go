package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// flags are all of a program's, also those of its commands. A name may come several times.
func flags(app *kong.Application) []*kong.Flag {
	var all []*kong.Flag
	_ = kong.Visit(app, func(v kong.Visitable, next kong.Next) error {
		if f, ok := v.(*kong.Flag); ok {
			all = append(all, f)
		}
		return next(nil)
	})
	return all
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// didYouMean is the end of an error about a name that is not known: the nearest one that is, or what to do.
func didYouMean(name string, known []string, otherwise string) string {
	if best, near := nearest(name, known); near {
		return fmt.Sprintf(", did you mean %q?", best)
	}
	return ": " + otherwise
}

// tolerance is how many letters may be wrong, missing, too many or swapped with the next. Raised, other names
// than the one meant are suggested, and variables of other programs are taken for typing errors.
const tolerance = 2

// nearest is the known name that another one was probably meant to be. Dashes and underscores count as the
// same, as do capital and small letters.
func nearest(name string, known []string) (best string, near bool) {
	least := tolerance + 1
	for _, k := range known {
		if d := distance(plain(name), plain(k)); d < least {
			best, least = k, d
		}
	}
	return best, best != ""
}

func plain(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }

// distance is the Damerau-Levenshtein distance, with adjacent letters swapped at most once
// (Damerau, "A technique for computer detection and correction of spelling errors", 1964).
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
