package app

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
)

// Operable adds what operators do to every program: they read profiles, and change the level of its log unless level is nil.
func Operable(mux *http.ServeMux, token string, level *zap.AtomicLevel, log *zap.Logger) error {
	err := adminapi.RegisterProfiles(mux, token, log)
	if level != nil {
		err = errors.Join(err, adminapi.RegisterLog(mux, token, *level, log))
	}
	return err
}
