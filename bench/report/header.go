package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Header records where the figures of a result come from. Every result begins with it.
type Header struct {
	Command  string            `json:"command"`
	Machine  string            `json:"machine"`
	Commit   string            `json:"commit"`
	Started  time.Time         `json:"started,omitzero"`
	Noise    *Noise            `json:"noise,omitempty"` // nil: not measured
	Versions map[string]string `json:"versions"`        // by program: redis, postgres, nginx, go, kernel
	Cores    int               `json:"cores"`
	CPUModel string            `json:"cpu_model"`
	Kernel   string            `json:"kernel"`
}

// Noise is what else the machine did before and during a run. The shares are of the time of
// all its processors together.
type Noise struct {
	Load   float64 `json:"load_before"`    // mean number of processes that ran, or waited for a processor, in the minute before
	Others float64 `json:"others_percent"` // processes that the run did not start
	Stolen float64 `json:"stolen_percent"` // the hypervisor
}

func (n Noise) String() string {
	return fmt.Sprintf("other processes took %.1f %% of the processors, the hypervisor %.1f %%; load before the run %.1f", n.Others, n.Stolen, n.Load)
}

// write writes the header, a line for each entry.
func (h Header) write(b *bytes.Buffer) {
	for _, pair := range h.setting() {
		fmt.Fprintf(b, "%s: %s\n", pair[0], pair[1])
	}
}

// origin is the header in one line.
func (h Header) origin() string {
	parts := []string{h.Machine, "commit " + h.Commit}
	if !h.Started.IsZero() {
		parts = append(parts, h.Started.UTC().Format("2006-01-02"))
	}
	return plain(strings.Join(parts, ", "))
}

// setting lists the header's entries, as pairs of a name and a value.
func (h Header) setting() [][2]string {
	all := [][2]string{{"command", h.Command}, {"commit", h.Commit}, {"machine", h.Machine}}
	if h.Cores > 0 {
		all = append(all, [2]string{"cores", strconv.Itoa(h.Cores)})
	}
	all = append(all, [2]string{"cpu", h.CPUModel}, [2]string{"kernel", h.Kernel})
	if !h.Started.IsZero() {
		all = append(all, [2]string{"started", h.Started.UTC().Format("2006-01-02 15:04:05 MST")})
	}
	if h.Noise != nil {
		all = append(all, [2]string{"noise", h.Noise.String()})
	}
	for _, program := range sortedKeys(h.Versions) {
		if program != "kernel" || h.Kernel == "" { // shown once
			all = append(all, [2]string{program, h.Versions[program]})
		}
	}
	kept := all[:0]
	for _, pair := range all {
		if pair[1] != "" {
			kept = append(kept, [2]string{plain(pair[0]), plain(pair[1])})
		}
	}
	return kept
}
