package app

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
)

// Operable adds what operators do to every program: they read profiles, and change the level of its log unless level is nil.
func Operable(mux *http.ServeMux, tokens adminapi.Tokens, level *zap.AtomicLevel, log *zap.Logger) error {
	err := adminapi.RegisterProfiles(mux, tokens, log)
	if level != nil {
		err = errors.Join(err, adminapi.RegisterLog(mux, tokens, *level, log))
	}
	return err
}
