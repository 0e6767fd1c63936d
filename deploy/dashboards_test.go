package deploy_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// dashboard is what these tests read of Grafana's JSON model.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Refresh       string
	Time          struct{ From, To string }
	Templating    struct{ List []variable }
	Panels        []graph
}

type variable struct {
	Name, Type, Definition string
	Query                  json.RawMessage
	Datasource             *source
}

type source struct{ Type, UID string }

// graph is a panel, or a row between panels.
type graph struct {
	ID                       int
	Type, Title, Description string
	GridPos                  *struct{ X, Y, W, H int }
	Datasource               *source
	Targets                  []target
	FieldConfig              *struct {
		Defaults  struct{ Unit string }
		Overrides []any
	}
	Options map[string]any
}

type target struct {
	RefID, Expr, LegendFormat string
	Datasource                *source
}

// dashboards are those that are shipped, by file.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	all := map[string]dashboard{}
	for _, path := range glob(t, "grafana/dashboards/*.json") {
		var d dashboard
		if err := json.Unmarshal([]byte(read(t, path)), &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[path] = d
	}
	return all
}

// panels are those of all dashboards that show something.
func panels(t *testing.T) []graph {
	t.Helper()
	var all []graph
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			if p.Type != "row" {
				all = append(all, p)
			}
		}
	}
	return all
}

// ours is the source that each dashboard lets its reader pick.
var ours = source{Type: "prometheus", UID: "${datasource}"}

// Grafana loads a file that lacks any of these, and shows an empty page or an error.
func TestDashboardsFollowGrafanasModel(t *testing.T) {
	uids := map[string]string{}
	for path, d := range dashboards(t) {
		fault := func(bad bool, text string) {
			if bad {
				t.Errorf("%s: %s", path, text)
			}
		}
		fault(uids[d.UID] != "", "its uid "+d.UID+" is that of "+uids[d.UID])
		uids[d.UID] = path
		fault(!regexp.MustCompile(`^[a-z-]{1,40}$`).MatchString(d.UID), "uid: want 1 to 40 of a-z and -")
		fault(d.Title == "", "it has no title")
		fault(d.SchemaVersion < 36, "schemaVersion: want 36 or later, whose data sources are objects")
		fault(d.Refresh == "" || d.Time.From == "" || d.Time.To == "", "it has no refresh or time")
		fault(len(d.Panels) < 10, "it has few panels")
		variables := map[string]bool{}
		for _, v := range d.Templating.List {
			variables[v.Name] = true
			fault(v.Type == "query" && (v.Datasource == nil || *v.Datasource != ours || v.Definition == ""), "the variable "+v.Name+" asks no data source of the site")
			fault(v.Name == "datasource" && (v.Type != "datasource" || string(v.Query) != `"prometheus"`), "the variable datasource is of another type")
		}
		fault(!variables["datasource"], "it has no variable datasource")
		ids := map[int]bool{}
		for _, p := range d.Panels {
			for _, f := range p.faults(variables) {
				fault(true, "panel "+p.Title+": "+f)
			}
			fault(p.ID == 0 || ids[p.ID], "panel "+p.Title+": its id is 0 or another one's")
			ids[p.ID] = true
		}
		for i, p := range d.Panels {
			for _, q := range d.Panels[:i] {
				fault(p.GridPos != nil && q.GridPos != nil && p.overlaps(q), "panels "+p.Title+" and "+q.Title+" overlap")
			}
		}
	}
	if len(uids) == 0 {
		t.Error("got no dashboard, want some")
	}
}

// faults is what a panel lacks.
func (p graph) faults(variables map[string]bool) (found []string) {
	fault := func(bad bool, text string) {
		if bad {
			found = append(found, text)
		}
	}
	fault(p.Title == "", "no title")
	fault(p.GridPos == nil || p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X < 0 || p.GridPos.X+p.GridPos.W > 24, "no place within 24 columns")
	if p.Type == "row" {
		return found
	}
	fault(p.Type != "timeseries" && p.Type != "stat", "type "+p.Type)
	fault(p.Description == "", "no description")
	fault(p.Datasource == nil || *p.Datasource != ours, "another data source than the variable's")
	fault(p.FieldConfig == nil || p.FieldConfig.Defaults.Unit == "" || p.FieldConfig.Overrides == nil, "no fieldConfig with a unit and overrides")
	fault(len(p.Options) == 0, "no options")
	fault(len(p.Targets) == 0, "no targets")
	refs := map[string]bool{}
	for _, q := range p.Targets {
		fault(q.RefID == "" || refs[q.RefID], "a target's refId is empty or another one's")
		refs[q.RefID] = true
		fault(q.Expr == "" || q.Datasource == nil || *q.Datasource != ours, "a target without expr or data source")
		fault(p.Type == "timeseries" && q.LegendFormat == "", "a target without legend")
		for _, v := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(q.Expr, -1) {
			fault(!variables[v[1]] && !strings.HasPrefix(v[1], "__"), "the variable "+v[1]+" is not defined")
		}
	}
	return found
}

func (p graph) overlaps(q graph) bool {
	a, b := p.GridPos, q.GridPos
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

// What Grafana provisions is data source, provider, and the folder that the provider names.
func TestGrafanaIsProvisionedFromFiles(t *testing.T) {
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct{ Name, Type, Access, URL string }
	}
	parse(t, "grafana/provisioning/datasources/prometheus.yml", &sources)
	if sources.APIVersion != 1 || len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].URL == "" {
		t.Errorf("got %+v, want one data source that is a Prometheus", sources)
	}
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct{ Path string }
		}
	}
	parse(t, "grafana/provisioning/dashboards/onsale.yml", &providers)
	if providers.APIVersion != 1 || len(providers.Providers) != 1 || providers.Providers[0].Type != "file" || providers.Providers[0].Options.Path == "" {
		t.Errorf("got %+v, want one provider of files", providers)
	}
}
