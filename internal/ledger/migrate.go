package ledger

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationWait is for how many seconds a ledger waits for another one's migrations. It asks
// every second.
const migrationWait = 300

// Migrate brings the database to this program's schema. Several ledgers may do so at once:
// an advisory lock of PostgreSQL, held by the session and so gone with it, lets one at a time
// through. It returns [ErrAway] where PostgreSQL can't be reached.
func Migrate(ctx context.Context, url string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("migrate the ledger: %w", classify(err))
		}
	}()
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := db.Close(); err == nil {
			err = cerr
		}
	}()
	// goose looks for pending work before it takes the lock. This one look is answered by
	// a plain error where PostgreSQL is away, which goose's own would hide.
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, migrationWait))
	if err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
