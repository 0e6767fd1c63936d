package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"onsale/internal/operate"
)

// devSite is how operators reach the site that dev runs. dev saves it for the other verbs, while it runs.
type devSite struct {
	Admin string `json:"admin"` // host:port of the allocator's admin port
	Token string `json:"token"`
}

// siteBeside is where dev saves its site: beside the signing keys.
func siteBeside(keys string) string { return filepath.Join(filepath.Dir(keys), "dev-site.json") }

// storesBeside is where dev saves the settings that name its Redis and its PostgreSQL, for --config.
func storesBeside(keys string) string { return filepath.Join(filepath.Dir(keys), "dev-stores.yaml") }

// storesFile is such a file. JSON's texts are YAML's, too.
func storesFile(at operate.StoreFlags) []byte {
	return fmt.Appendf(nil, "redis-addr: [%s]\ndatabase-url: %q\n", strings.Join(at.Redis.Addrs, ", "), at.Database.URL)
}

// save writes the file.
func (s devSite) save(file string) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return saveFile(file, append(body, '\n'))
}

// saveFile writes a file that is its owner's alone, in one step.
func saveFile(file string, body []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(file), ".dev-site-*") // mode 0600
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(body)
	if cerr := temp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	return nil
}

// removeFile removes a file, unless another dev has saved its own there since.
func removeFile(file string, body []byte) {
	if saved, err := os.ReadFile(file); err == nil && bytes.Equal(saved, body) {
		_ = os.Remove(file) // a file that stays names servers that do not answer
	}
}

// remove removes the file, unless another dev has saved its own site there since.
func (s devSite) remove(file string) {
	if saved, err := loadDevSite(file); err == nil && saved == s {
		_ = os.Remove(file) // a file that stays names a site that does not answer
	}
}

func loadDevSite(file string) (s devSite, err error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}
