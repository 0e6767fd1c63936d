package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// prefix begins every environment variable of the programs.
const prefix = "ONSALE_"

// Environment looks for variables that begin as ours and that no program reads. One that is nearly a
// variable of this program is an error, because its setting would silently not apply. Others are returned:
// Kubernetes, for one, adds ONSALE_SERVICE_HOST to every container beside a service that is named onsale.
func Environment(app *kong.Application, environ []string) (strange []string, err error) {
	known := map[string]bool{}
	for _, f := range flags(app) {
		for _, name := range f.Envs {
			known[name] = true
		}
	}
	ours := sortedKeys(known)
	var faults []error
	for _, set := range environ {
		name, _, _ := strings.Cut(set, "=")
		if !strings.HasPrefix(name, prefix) || known[name] || slices.Contains(variables, name) {
			continue
		}
		if best, near := nearest(name, ours); near {
			faults = append(faults, fmt.Errorf("unknown environment variable %s, did you mean %s?", name, best))
			continue
		}
		strange = append(strange, name)
	}
	slices.Sort(strange)
	return strange, errors.Join(faults...)
}
