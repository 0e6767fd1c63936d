package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
)

type nodeList struct {
	Operators operators `embed:""`
}

// partColumns are those of a list of a site's parts.
var partColumns = []output.Column{
	{Title: "part"}, {Title: "name", Break: output.Anywhere}, {Title: "address", Break: output.Anywhere}, {Title: "weight", Number: true}, {Title: "state"},
	{Title: "more", Break: output.AtWords, Least: 16},
}

// Run lists the nodes and the other parts.
func (v *nodeList) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		n, err := at.Nodes(ctx)
		if err != nil {
			return err
		}
		if n.Parts == nil {
			c.logLine("allocators, ledgers and Nginxes are not known: " + n.Unknown)
		}
		return listed(c, v.Operators, "there is no node", partColumns, part.row, func(yield func(part, error) bool) {
			for _, p := range partsOf(n) {
				if !yield(p, nil) {
					return
				}
			}
		})
	})
}

// part is a line of the list: its kind is node, allocator, nginx or ledger, and its document is what the API has of it.
type part struct {
	kind     string
	document any
	cells    []string // behind the kind
}

func (p part) row() []string { return append([]string{p.kind}, p.cells...) }

// MarshalJSON puts the kind before the document's members.
func (p part) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(p.document)
	if err != nil {
		return nil, err
	}
	return append(fmt.Appendf(nil, `{"kind":%q,`, p.kind), text[1:]...), nil
}

func partsOf(n adminapi.Nodes) (parts []part) {
	for _, node := range n.Nodes {
		parts = append(parts, part{"node", node, []string{node.Name, node.Address, nodeWeightOf(node), nodeState(node), ""}})
	}
	if n.Parts == nil {
		return parts
	}
	now := time.Now()
	var nginxes []part
	for _, a := range n.Allocators {
		admin, state := "", notKnown
		if a.AllocatorState != nil {
			admin, state = a.Admin, oneOf(a.Leads, "leading", "standby")+oneOf(a.Ready, "", ", not ready")
			if a.Nginx != nil {
				nginxes = append(nginxes, nginxPart(a.Name, *a.Nginx, now))
			}
		}
		parts = append(parts, part{"allocator", a, []string{a.Name, admin, "", state, ""}})
	}
	parts = append(parts, nginxes...)
	for _, l := range n.Ledgers {
		parts = append(parts, ledgerPart(l, now))
	}
	return parts
}

// notKnown is what stands for what a part of another version does not report.
const notKnown = "not known"

// nginxPart is the Nginx whose upstream an allocator writes. It has that one's name.
func nginxPart(allocator string, n adminapi.Nginx, now time.Time) part {
	document := struct {
		Allocator string `json:"allocator"`
		adminapi.Nginx
	}{allocator, n}
	more := fmt.Sprintf("upstream has %d of %d nodes selling", n.Selling, n.Nodes)
	if n.Since != nil {
		more += ", since " + output.Time(*n.Since, now)
	}
	return part{"nginx", document, []string{"of " + allocator, "", "", oneOf(n.Current, "current", "behind"), more}}
}

func ledgerPart(l adminapi.Ledger, now time.Time) part {
	if l.LedgerState == nil {
		return part{"ledger", l, []string{l.Name, "", "", notKnown, ""}}
	}
	more := fmt.Sprintf("reads %d sales; %d events wait", l.Sales, l.Waiting)
	if l.Waiting > 0 {
		more += fmt.Sprintf(", the oldest for %.1fs", l.WaitedSeconds)
	}
	if l.WrittenAt != nil {
		more += "; wrote " + output.Time(*l.WrittenAt, now)
	}
	return part{"ledger", l, []string{l.Name, "", "", oneOf(l.Ready, "recording", "not ready"), more}}
}

func oneOf(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
