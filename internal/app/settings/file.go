package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// Folder is where the programs look for their files.
const Folder = "/etc/onsale"

// DefaultFile is the file that a program reads if no other is named.
func DefaultFile(program string) string { return Folder + "/" + program + ".yaml" }

// File is the flag with the path of a program's file. Empty: no file is read. One that is named has to
// exist; the default one need not.
type File string

// BeforeResolve is kong's hook: it has the settings of the file apply where neither a flag nor the
// environment has them. It reports every fault of the file and of the environment at once. A command
// without settings reads no file, so that it works where the file can't be read.
func (File) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	if !slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return slices.ContainsFunc(p.Flags, isSettingOfFile) }) {
		return nil
	}
	_, err := Environment(ctx.Model, os.Environ())
	file, ferr := load(ctx, trace.Flag)
	if err := errors.Join(err, ferr, refuseSecrets(ctx)); err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// isSetting: the other flags are of one call alone.
func isSetting(f *kong.Flag) bool { return len(f.Envs) > 0 }

// isSettingOfFile: a file can't name itself.
func isSettingOfFile(f *kong.Flag) bool {
	return isSetting(f) && f.Target.Type() != reflect.TypeFor[File]()
}

// contents are the settings that a file has, by their names.
type contents struct {
	path string
	at   map[string]entry
}

type entry struct {
	text string // as on a command line
	line int
}

// load reads the file that the flag names.
func load(ctx *kong.Context, flag *kong.Flag) (contents, error) {
	path, named := string(ctx.FlagValue(flag).(File)), given(ctx, flag)
	if path == "" {
		return contents{}, nil
	}
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return contents{path: path}, nil
	case errors.Is(err, fs.ErrPermission):
		return contents{path: path}, fmt.Errorf("%w: run this as root or as a member of the file's group, or without a file: --config=", err)
	case err != nil:
		return contents{path: path}, err
	}
	file, err := parse(path, raw)
	return file, errors.Join(err, file.check(ctx.Model))
}

// given reports whether a flag is on the command line or in the environment.
func given(ctx *kong.Context, flag *kong.Flag) bool {
	_, set := variable(flag)
	return set || onCommandLine(ctx, flag)
}

func onCommandLine(ctx *kong.Context, flag *kong.Flag) bool {
	return slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return p.Flag == flag && !p.Resolved })
}

// variable is the environment variable that a flag takes its value from, as kong does.
func variable(flag *kong.Flag) (name string, set bool) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return name, true
		}
	}
	return "", false
}

// parse reads one YAML document of names and values, and reports every value that is none.
func parse(path string, raw []byte) (contents, error) {
	c := contents{path: path, at: map[string]entry{}}
	var document, next yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(&next); !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s:%d: want one document: nothing behind --- is read", path, next.Line)
	}
	if len(document.Content) == 0 { // nothing but comments
		return c, nil
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode {
		return c, fmt.Errorf("%s:%d: want settings, each a line such as weight: 2", path, top.Line)
	}
	var faults []error
	for i := 0; i+1 < len(top.Content); i += 2 {
		name, line := top.Content[i].Value, top.Content[i].Line
		text, err := text(top.Content[i+1])
		if first, twice := c.at[name]; twice {
			err = fmt.Errorf("it is there already, in line %d", first.line)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %s: %w", path, line, name, err))
			continue
		}
		c.at[name] = entry{text, line}
	}
	return c, errors.Join(faults...)
}

// text is a value as a command line has it.
func text(value *yaml.Node) (string, error) {
	switch {
	case value.Kind == yaml.AliasNode:
		return text(value.Alias)
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		return "", errors.New(`it has no value: remove the line, or write "" for an empty text`)
	case value.Kind == yaml.ScalarNode:
		return value.Value, nil
	case value.Kind == yaml.SequenceNode:
		var list []string
		for _, item := range value.Content {
			one, err := text(item)
			if err != nil || item.Kind == yaml.SequenceNode {
				return "", errors.New("want a list of plain values")
			}
			list = append(list, one)
		}
		return kong.JoinEscaped(list, ','), nil
	}
	return "", errors.New("want a value or a list of values: settings have no sections, a name is spelled out, such as redis-addr")
}

// check reports every setting that the program does not have.
func (c contents) check(app *kong.Application) error {
	known := map[string]bool{}
	for _, f := range flags(app) {
		if isSettingOfFile(f) {
			known[f.Name] = true
		}
	}
	names := sortedKeys(known)
	var faults []error
	for _, name := range slices.SortedFunc(maps.Keys(c.at), func(a, b string) int { return c.at[a].line - c.at[b].line }) {
		if !known[name] {
			faults = append(faults, fmt.Errorf("%s:%d: unknown setting %q%s", c.path, c.at[name].line, name, didYouMean(name, names, app.Name+" --help lists all")))
		}
	}
	return errors.Join(faults...)
}

// Validate is kong's; the file was checked when it was read.
func (contents) Validate(*kong.Application) error { return nil }

// Resolve is kong's: the file's value of a flag, or nil. It tries the value, because an error that kong
// meets later names neither file nor line.
func (c contents) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	e, found := c.at[flag.Name]
	if _, set := variable(flag); set || !found || !isSettingOfFile(flag) {
		return nil, nil
	}
	scan := kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: e.text})
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, reflect.New(flag.Target.Type()).Elem()); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", c.path, e.line, err)
	}
	return e.text, nil
}
