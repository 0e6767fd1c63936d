package app

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// commit is set by builds where Go does not record it, such as an image's, with a plus where files
// were changed since: -ldflags "-X onsale/internal/app.commit=…".
var commit string

// Version is what this program was built from: the module's version, where it has one, and the
// commit, with a plus where files were changed since.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	from, changed := strings.TrimSuffix(commit, "+"), ""
	if from != commit {
		changed = "+"
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && commit == "":
			from = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	from = cmp.Or(from[:min(len(from), 12)], "unknown")
	return cmp.Or(info.Main.Version, "(devel)") + ", commit " + from + changed + ", " + info.GoVersion
}
