package report

import (
	"fmt"
	"os"
	"path/filepath"

	"onsale/internal/picture"
)

// WriteSVG draws every picture that the report has data for into the folder, and
// returns their files: throughput-<phase>-closed.svg, cpu-<phase>-<loop>.svg,
// latency-<phase>-<loop>-<class>.svg and stock.svg. It makes the folder if need be, and
// leaves other files there alone. A report with faults is an error, see
// [Report.Validate]: what is no number can't be drawn.
func (r *Report) WriteSVG(dir string) ([]string, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	return WritePictures(dir, r.pictures())
}

// WritePictures draws them into the folder, which it makes if need be, and returns their files.
func WritePictures(dir string, pictures []*picture.Picture) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	var files []string
	for _, p := range pictures {
		name := filepath.Join(dir, p.Name+".svg")
		if err := os.WriteFile(name, p.SVG(), 0o644); err != nil {
			return files, fmt.Errorf("pictures: %w", err)
		}
		files = append(files, name)
	}
	return files, nil
}
