// Package secretfile reads files of secrets, one a line, as those that rotate are kept.
package secretfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Read calls add with each line of a file that holds 1 to most secrets. Blank lines and those that start with # are
// not read. It reports every faulty line at once, by its number and never by its content, and what names the secrets in
// its errors.
func Read(file, what string, most int, add func(text string) error) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	var faults []error
	number, found := 0, 0
	for line := range bytes.Lines(raw) {
		number++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		if err := add(text); err != nil {
			faults = append(faults, fmt.Errorf("%s in %s, line %d: %w", what, file, number, err))
			continue
		}
		found++
	}
	if found > most || found == 0 && faults == nil {
		faults = append(faults, fmt.Errorf("%s in %s: want 1 to %d, got %d", what, file, most, found))
	}
	return errors.Join(faults...)
}
