package soldout

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"onsale/internal/sale"
)

// folder is where the leases are.
type folder string

// prepare makes the folder, which Nginx's workers must be able to enter as another user.
func (f folder) prepare() error {
	info, err := os.Stat(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.Mkdir(string(f), 0o755); err == nil {
			info, err = os.Stat(string(f))
		}
	}
	if err == nil && info.Mode().Perm() != 0o755 {
		err = os.Chmod(string(f), 0o755) // whatever the umask was
	}
	return err
}

// keep writes the leases of sold-out sales, and removes those of the others and of other seconds than this and the next
// one: what a crash has left, and what would count again after the clock was set back. now is the clock that Nginx has, too.
func (f folder) keep(leases map[sale.ID]lease, now func() time.Time) error {
	var faults []error
	for id, l := range leases {
		if !l.soldOut {
			continue
		}
		if at := now(); stepped(l.sent.Round(0), at.Round(0), at.Sub(l.sent)) {
			continue
		}
		for second := l.sent.Unix(); second <= l.sent.Unix()+1; second++ {
			if second >= now().Unix() {
				faults = append(faults, f.create(id, second))
			}
		}
	}
	return errors.Join(append(faults, f.sweep(func(id sale.ID, second int64) bool {
		l, read := leases[id]
		this := now().Unix()
		return (l.soldOut || !read) && second >= this && second <= this+1
	}))...)
}

// stepped reports whether the clock was set between the sending of a reading, and now, as the clock has both. passed is what has
// passed between them on a clock that nobody sets. What a daemon that slews the clock moves it by meanwhile is far less than this.
func stepped(sent, now time.Time, passed time.Duration) bool {
	return (now.Sub(sent) - passed).Abs() > 100*time.Millisecond
}

func (f folder) create(id sale.ID, second int64) error {
	file, err := os.OpenFile(f.path(id, second), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o644), file.Close()) // Nginx's workers open what they find, whatever the umask was
}

func (f folder) path(id sale.ID, second int64) string {
	return filepath.Join(string(f), string(id)+"."+strconv.FormatInt(second, 10))
}

// clear removes all leases.
func (f folder) clear() error {
	err := f.sweep(func(sale.ID, int64) bool { return false })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sweep removes the leases that need not be kept, and leaves alone what is none. Another keeper may remove them, too.
func (f folder) sweep(kept func(id sale.ID, second int64) bool) error {
	entries, err := os.ReadDir(string(f))
	faults := []error{err}
	for _, e := range entries {
		id, second, ok := parse(e.Name())
		if !ok || kept(id, second) {
			continue
		}
		if err := os.Remove(filepath.Join(string(f), e.Name())); !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// parse reads a lease's name.
func parse(name string) (id sale.ID, second int64, ok bool) {
	before, after, found := strings.Cut(name, ".")
	id, err := sale.ParseID(before)
	second, err2 := strconv.ParseInt(after, 10, 64)
	return id, second, found && err == nil && err2 == nil
}
