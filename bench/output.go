package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"onsale/bench/report"
	"onsale/internal/picture"
)

// output are the flags of every command that reports: where its result goes besides the terminal.
type output struct {
	JSON string `help:"File for the result as JSON; - writes it to standard output." type:"path"`
	HTML string `help:"File for the result as a page that opens offline." type:"path"`
	Out  string `default:"${out=}" help:"Folder for report.json, report.html and whatever else the command can draw." type:"path"`
}

// toStdout is the --json that writes the JSON to standard output.
const toStdout = "-"

// prepare makes the files and the folder, so that a path that can't be written is found before
// the run and not after it. What a file holds stays.
func (o output) prepare() error {
	files := []string{o.HTML}
	if o.JSON != toStdout {
		files = append(files, o.JSON)
	}
	if o.Out != "" {
		if err := os.MkdirAll(o.Out, 0o755); err != nil {
			return err
		}
		files = append(files, filepath.Join(o.Out, "report.json"), filepath.Join(o.Out, "report.html"))
	}
	return creatable(files...)
}

// creatable makes the files that are named. What a file holds stays.
func creatable(files ...string) error {
	var errs []error
	for _, name := range files {
		if name == "" {
			continue
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			err = f.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// publication is a result in every form that the output flags offer.
type publication interface {
	WriteText(io.Writer) error
	WriteJSON(io.Writer) error
	WriteHTML(io.Writer) error
	// WriteFiles writes what --out holds besides report.json and report.html, and returns the
	// files' names.
	WriteFiles(folder string) ([]string, error)
}

// publish writes a result wherever the flags ask for it: as text to standard output, or to
// standard error if the JSON goes there. The text comes first: a disk that is full by then takes
// nothing away.
func (o output) publish(p publication) error { return o.publishTo(os.Stdout, os.Stderr, p) }

func (o output) publishTo(stdout, stderr io.Writer, p publication) error {
	text := stdout
	var errs []error
	if o.JSON == toStdout {
		text = stderr
		errs = append(errs, p.WriteJSON(stdout))
	}
	errs = append(errs, p.WriteText(text))
	if o.JSON != toStdout {
		errs = append(errs, save(o.JSON, p.WriteJSON))
	}
	errs = append(errs, save(o.HTML, p.WriteHTML))
	if o.Out != "" {
		files, err := p.WriteFiles(o.Out)
		errs = append(errs, err,
			save(filepath.Join(o.Out, "report.json"), p.WriteJSON),
			save(filepath.Join(o.Out, "report.html"), p.WriteHTML))
		if err := errors.Join(errs...); err == nil {
			_, err = fmt.Fprintf(stderr, "report.json, report.html and %d other files are in %s\n", len(files), o.Out)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// args are the flags for a child process that publishes in the place of this one.
func (o output) args() (args []string) {
	for _, f := range []struct{ flag, value string }{{"--json", o.JSON}, {"--html", o.HTML}, {"--out", o.Out}} {
		if f.value != "" {
			args = append(args, f.flag, f.value)
		}
	}
	return args
}

// save writes a file; no name, no file.
func save(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// outcome is what every command's result begins with.
type outcome struct {
	report.Header
	Interrupted bool     `json:"interrupted,omitempty"` // the figures are of what was whole by then
	Faults      []string `json:"faults"`                // every broken promise, as text
	Missed      []string `json:"missed,omitempty"`      // bounds that were not met, as text
	Unshown     []string `json:"unshown,omitempty"`     // what was asked for and did not happen

	began machineUsage
}

func (o *outcome) common() *outcome { return o }

// sheet is the outcome without tables.
func (o *outcome) sheet(title string, tables ...report.Table) report.Sheet {
	s := report.Sheet{Title: title, Header: o.Header, Tables: tables, Faults: o.Faults, Missed: o.Missed, Unshown: o.Unshown}
	if o.Interrupted {
		s.Notes = append(s.Notes, "INTERRUPTED: the figures are of what was whole by then.")
	}
	return s
}

// result is what a command found.
type result interface {
	common() *outcome
	// show is the result for people: its title and tables.
	show() report.Sheet
}

// conclude publishes a result once all processes of the run have ended, and returns the error of
// a run that ended so: err joined with the outcome's.
func (o output) conclude(r result, err error) error {
	r.common().finish()
	return errors.Join(err, o.publish(published{r}), r.common().err())
}

// err is nil if the run was whole and clean.
func (o *outcome) err() error {
	var missed error
	if len(o.Missed) > 0 && !o.Interrupted { // a few runs of many miss a bound by chance
		missed = fmt.Errorf("beyond the bound: %s", strings.Join(o.Missed, "; "))
	}
	return errors.Join(missed, ended(o.Interrupted, o.Faults, o.Unshown))
}

// published is a result as its sheet.
type published struct{ result }

func (p published) WriteText(w io.Writer) error { return p.show().WriteText(w) }

func (p published) WriteHTML(w io.Writer) error { return p.show().WriteHTML(w) }

func (p published) WriteJSON(w io.Writer) error {
	raw, err := json.MarshalIndent(p.result, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}

// pictured is a result that has pictures.
type pictured interface{ pictures() []*picture.Picture }

func (p published) WriteFiles(folder string) ([]string, error) {
	if drawn, is := p.result.(pictured); is {
		return report.WritePictures(folder, drawn.pictures())
	}
	return nil, nil
}
