package app

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
)

// Values has a command line report in plain words which numbers and durations it wants. Kong's own
// errors are those of Go's parsers.
var Values = kong.OptionFunc(func(k *kong.Kong) error {
	return errors.Join(
		kong.KindMapper(reflect.Int, kong.MapperFunc(wholeNumber)).Apply(k),
		kong.KindMapper(reflect.Int64, kong.MapperFunc(wholeNumber)).Apply(k),
		kong.KindMapper(reflect.Float64, kong.MapperFunc(number)).Apply(k),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(duration)).Apply(k),
	)
})

func wholeNumber(ctx *kong.DecodeContext, into reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("whole number", &text); err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 0, into.Type().Bits())
	if err != nil {
		return fmt.Errorf("want a whole number, got %.40q", text)
	}
	into.SetInt(n)
	return nil
}

func number(ctx *kong.DecodeContext, into reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("number", &text); err != nil {
		return err
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("want a number, got %.40q", text)
	}
	into.SetFloat(n)
	return nil
}

func duration(ctx *kong.DecodeContext, into reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("want a duration such as 500ms, 90s or 24h, got %.40q", text)
	}
	into.SetInt(int64(d))
	return nil
}

// Addresses are those of a command line, by their flags.
type Addresses map[string][]string

// Check reports every one that is no host:port. To listen, no host and port 0 will do.
func (a Addresses) Check(listens bool) error {
	var faults []error
	for flag, given := range a {
		for _, text := range given {
			host, port, err := net.SplitHostPort(text)
			n, perr := strconv.ParseUint(port, 10, 16)
			if err != nil || perr != nil || !listens && (host == "" || n == 0) {
				faults = append(faults, fmt.Errorf("%s %.80q: want host:port, such as 10.0.0.4:7946", flag, text))
			}
		}
	}
	return errors.Join(faults...)
}

// Given is a list of the texts that are not empty.
func Given(texts ...string) (list []string) {
	for _, t := range texts {
		if t != "" {
			list = append(list, t)
		}
	}
	return list
}
