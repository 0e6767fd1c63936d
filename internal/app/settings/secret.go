package settings

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/alecthomas/kong"
)

// secretTag marks a flag whose value is a secret: secret:"all", or secret:"url" if only the password
// of a URL is. Every user of a machine can read the command lines of its processes, so that such a flag
// is refused there.
const secretTag = "secret"

// masked is what is shown in place of a secret.
const masked = "********"

// Mask returns a setting's value as it may be shown.
func Mask(flag *kong.Flag, value string) string {
	switch {
	case value == "" || !flag.Tag.Has(secretTag):
		return value
	case flag.Tag.Get(secretTag) == "url":
		return maskURL(value)
	}
	return masked
}

// maskURL masks what a URL keeps secret, and all of a text that is no URL.
func maskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return masked
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), masked)
	}
	query := u.Query()
	for key := range query {
		if strings.Contains(key, "password") {
			query.Set(key, masked)
			u.RawQuery = query.Encode()
		}
	}
	return strings.ReplaceAll(u.String(), url.QueryEscape(masked), masked)
}

// refuseSecrets reports every secret on the command line.
func refuseSecrets(ctx *kong.Context) error {
	var faults []error
	for _, p := range ctx.Path {
		f := p.Flag
		if f == nil || p.Resolved || !f.Tag.Has(secretTag) {
			continue
		}
		if value := fmt.Sprint(ctx.FlagValue(f)); Mask(f, value) != value {
			faults = append(faults, fmt.Errorf("--%s: every user of this machine can read a secret on a command line: set %s, or %s in the file of --config", f.Name, f.Envs[0], f.Name))
		}
	}
	return errors.Join(faults...)
}
