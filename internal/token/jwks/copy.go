package jwks

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
)

// unwritten is logged when the copy can't be written. Tokens don't need it.
var unwritten = &failurelog.Kind{Level: zap.WarnLevel,
	Begins: "can't write the copy of the identity provider's keys: while it is away, a start has none", Over: "the copy of the identity provider's keys can be written again"}

// readCopy begins with the set of the copy. It is as old as the file.
func (s *Source) readCopy() {
	if s.config.Copy == "" {
		return
	}
	raw, written, err := readFile(s.config.Copy, s.config.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = s.adopt(raw)
	}
	if err != nil {
		s.log.Warn("can't begin with the copy of the identity provider's keys", zap.String("file", s.config.Copy), zap.Error(err))
		return
	}
	s.good = written.ModTime()
}

func readFile(path string, most int64) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(f, most))
	return raw, info, err
}

// writeCopy replaces the copy as a whole, also where nothing has changed: its time is the set's age.
func (s *Source) writeCopy(published []byte) {
	if s.config.Copy == "" {
		return
	}
	kind, err := unwritten, replace(s.config.Copy, published)
	if err == nil {
		kind = nil
	}
	s.failures.Note("copy", kind, err, zap.String("file", s.config.Copy))
}

// replace writes the whole file before it gets its name. After a power cut it may be empty, which is no key set.
func replace(path string, content []byte) error {
	whole := path + ".new"
	return errors.Join(os.WriteFile(whole, content, 0o600), os.Rename(whole, path))
}
