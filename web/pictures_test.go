package web_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"onsale/internal/testbed/browser"
)

var update = flag.Bool("update", false, "write the pictures of the page to docs/pictures/page")

const pictures = "../docs/pictures/page"

var looks = map[string]browser.Look{
	"desktop-light": {Width: 900, Height: 700, Still: true},
	"desktop-dark":  {Width: 900, Height: 700, Still: true, Dark: true},
	"phone-light":   {Width: 360, Height: 640, Still: true, Mobile: true},
	"phone-dark":    {Width: 360, Height: 640, Still: true, Mobile: true, Dark: true},
}

// TestEveryStateHasItsPictures checks that they are there; TestStates writes them with -update.
func TestEveryStateHasItsPictures(t *testing.T) {
	if *update {
		return
	}
	var want []string
	for _, st := range states {
		for look := range looks {
			want = append(want, st.name+"-"+look+".png")
		}
	}
	got, total := []string(nil), int64(0)
	entries, err := os.ReadDir(pictures)
	if err != nil {
		t.Fatalf("%v: make the pictures with go test ./web -run TestStates -update", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if got, total = append(got, e.Name()), total+info.Size(); info.Size() > 40<<10 {
			t.Errorf("%s has %d bytes, want at most 40 KiB", e.Name(), info.Size())
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got the pictures %q, want %q: make them with go test ./web -run TestStates -update", got, want)
	}
	if total > 1500<<10 {
		t.Errorf("got %d bytes of pictures, want at most 1.5 MB", total)
	}
}

// take writes the pictures of the state that a window shows.
func take(t *testing.T, name string, w *browser.Window) {
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	for kind, look := range looks {
		w.Show(look)
		file := filepath.Join(pictures, fmt.Sprintf("%s-%s.png", name, kind))
		if err := os.WriteFile(file, small(t, w.Picture()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// small has at most 24 colours: the most frequent ones, and for each other one the nearest of them.
func small(t *testing.T, picture []byte) []byte {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	count := map[color.RGBA]int{}
	box := img.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) }
	for y := range box.Dy() {
		for x := range box.Dx() {
			c := at(x, y)
			count[color.RGBA{c.R &^ 3, c.G &^ 3, c.B &^ 3, 255}]++
		}
	}
	var colours []color.RGBA
	for c := range count {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int { return count[b] - count[a] })
	palette := color.Palette{}
	for _, c := range colours[:min(len(colours), 24)] {
		palette = append(palette, color.RGBA{c.R | 3, c.G | 3, c.B | 3, 255})
	}
	out, nearest := image.NewPaletted(box, palette), map[color.RGBA]uint8{}
	for y := range box.Dy() {
		for x := range box.Dx() {
			c := at(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(palette.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
