package report_test

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"onsale/bench/report"
)

// onTerminal is what a terminal of 100 columns receives.
func onTerminal(t *testing.T, write func(w io.Writer)) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 100}); err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan string)
	go func() {
		all, _ := io.ReadAll(master) // ends with an error once nobody has the screen open
		received <- string(all)
	}()
	write(screen)
	if err := screen.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(<-received, "\r\n", "\n")
}

func tables(t *testing.T, w io.Writer, r *report.Report, peer string) {
	t.Helper()
	if err := r.WriteTables(w, peer); err != nil {
		t.Fatal(err)
	}
}

func TestTables(t *testing.T) {
	var b bytes.Buffer
	tables(t, &b, sample(), "onsale")
	want, err := os.ReadFile("testdata/tables.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

func TestPeerColumn(t *testing.T) {
	for name, peer := range map[string]string{"left out without a peer": "", "left out for an unknown one": "nobody", "left out for an INVALID one": "oversells"} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			tables(t, &b, sample(), peer)
			if strings.Contains(b.String(), "×") {
				t.Errorf("got ratios, want none:\n%s", b.String())
			}
		})
	}
}

func TestInvalidRows(t *testing.T) {
	red := func(s string) int { return strings.Count(s, "\x1b[31m") }
	show := func(w io.Writer) { tables(t, w, sample(), "onsale") }
	t.Run("red on a terminal", func(t *testing.T) {
		t.Setenv("NO_COLOR", "")
		got := onTerminal(t, show)
		for _, line := range strings.Split(got, "\n") {
			if strings.Contains(line, "oversells") != (red(line) > 5) {
				t.Errorf("got %q, want the INVALID rows red, and no others", line)
			}
		}
		if red(got) == 0 {
			t.Errorf("got nothing red, want the INVALID rows:\n%s", got)
		}
	})
	t.Run("not red where NO_COLOR is set", func(t *testing.T) {
		t.Setenv("NO_COLOR", "1")
		if got := onTerminal(t, show); strings.Contains(got, "\x1b") {
			t.Errorf("got %q, want no colour", got)
		}
	})
	t.Run("not red in a file", func(t *testing.T) {
		t.Setenv("NO_COLOR", "")
		f, err := os.Create(t.TempDir() + "/out")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		show(f)
		if got, err := os.ReadFile(f.Name()); err != nil || len(got) == 0 || bytes.Contains(got, []byte("\x1b")) {
			t.Errorf("got %q, %v, want no colour", got, err)
		}
	})
}

func TestHostileTextStaysInItsCell(t *testing.T) {
	r := sample()
	r.Notes, r.Machine, r.Rows[0].Strategy = []string{hostile}, hostile, hostile
	r.Rows[1].Faults = []string{hostile}
	var b bytes.Buffer
	tables(t, &b, r, hostile)
	if strings.ContainsAny(b.String(), "\x1b\x00\t") {
		t.Errorf("got control characters, want none: %q", b.String())
	}
	if got := strings.Count(b.String(), "a<script"); got < 4 {
		t.Errorf("got %d mentions, want the text itself to be shown:\n%s", got, b.String())
	}
}

// Somebody who was dropped must show: 100 % is all of them, and no rounding.
func TestHardlyAllIsNotAll(t *testing.T) {
	row := hit("onsale", 1, 5)
	row.Intended, row.Completed = 1_000_000, 999_999
	row.Classes[report.ClassSold] = latency(999_999, 1)
	var b bytes.Buffer
	tables(t, &b, &report.Report{Rows: []report.Row{row}}, "")
	if !strings.Contains(b.String(), " 99.9 % ") {
		t.Errorf("got no 99.9 %%, want it of 999,999 in 1,000,000:\n%s", b.String())
	}
}

func TestTheKernelIsShownOnce(t *testing.T) {
	r := sample()
	r.Versions["kernel"] = "6.1.0"
	var b bytes.Buffer
	tables(t, &b, r, "")
	if got := strings.Count(b.String(), "kernel: 6.1.0\n"); got != 1 {
		t.Errorf("got the kernel %d times, want once", got)
	}
}
