package settings

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// The places that a setting can come from.
const (
	FromFlag        = "flag"
	FromEnvironment = "environment"
	FromFile        = "file"
	FromDefault     = "default"
)

// Setting is one of a program, and where its value is from. A secret is masked.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`          // flag, environment, file or default
	Where  string `json:"where,omitempty"` // the variable, or path:line of the file
}

// List returns all settings of a program that is started with these arguments, by name, and the variables
// of the environment that begin as ours and that no program knows. The error is the one with which the
// program would not start; settings that are there are returned all the same.
func List(program *kong.Kong, args []string) (list []Setting, strange []string, err error) {
	ctx, err := kong.Trace(program, args)
	if err == nil {
		err = ctx.Error
	}
	if err != nil {
		return nil, nil, err
	}
	strange, faults := Environment(program.Model, os.Environ())
	var file contents
	var all []*kong.Flag
	for _, f := range flags(program.Model) {
		switch {
		case !isSetting(f) || slices.ContainsFunc(all, func(o *kong.Flag) bool { return o.Name == f.Name }):
			continue
		case !isSettingOfFile(f):
			if err := f.Reset(); err != nil {
				return nil, nil, err
			}
			var err error
			file, err = load(ctx, f)
			faults = errors.Join(faults, err)
		}
		all = append(all, f)
	}
	for _, f := range all {
		list = append(list, file.setting(ctx, f))
	}
	slices.SortFunc(list, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	// A program of commands is not started with settings alone.
	if faults == nil && len(program.Model.Children) == 0 {
		_, faults = program.Parse(args)
	}
	return list, strange, faults
}

func (c contents) setting(ctx *kong.Context, f *kong.Flag) Setting {
	s := Setting{Name: f.Name, Value: f.Default, Source: FromDefault}
	if !f.HasDefault && f.Target.Kind() != reflect.Slice {
		s.Value = shown(reflect.Zero(f.Target.Type()).Interface())
	}
	e, inFile := c.at[f.Name]
	name, set := variable(f)
	switch {
	case onCommandLine(ctx, f):
		s.Value, s.Source = shown(ctx.FlagValue(f)), FromFlag
	case set:
		s.Value, s.Source, s.Where = os.Getenv(name), FromEnvironment, name
	case inFile && isSettingOfFile(f):
		s.Value, s.Source, s.Where = e.text, FromFile, fmt.Sprintf("%s:%d", c.path, e.line)
	case !isSettingOfFile(f):
		if _, err := os.Stat(s.Value); errors.Is(err, os.ErrNotExist) {
			s.Where = "no such file"
		}
	}
	s.Value = Mask(f, s.Value)
	return s
}

// shown is a parsed value as a command line has it.
func shown(value any) string {
	if list, ok := value.([]string); ok {
		return kong.JoinEscaped(list, ',')
	}
	return fmt.Sprint(value)
}
