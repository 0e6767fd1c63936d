package output

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// ToFile has write fill the file of this name. The name is given to the whole file alone: one that can't be finished leaves what
// was there before. Only its owner can read it, because buyers are named in it. Without a name write fills w.
func ToFile(name string, w io.Writer, write func(io.Writer) error) error {
	if name == "" || name == "-" {
		return buffered(w, write)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-") // 0600
	if err != nil {
		return err
	}
	err = buffered(f, write)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}
