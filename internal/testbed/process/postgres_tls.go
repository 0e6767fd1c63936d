package process

import (
	"context"
	"os"
	"time"
)

// SpeakTLS restarts the server with the certificate and its key, copies of which it owns, as it demands. It goes on taking clients
// without TLS.
func (p *Postgres) SpeakTLS(ctx context.Context, cert, key string) error {
	for from, to := range map[string]string{cert: p.data + ".cert", key: p.data + ".key"} {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return err
		}
		if p.as != nil {
			if err := os.Chown(to, int(p.as.Uid), int(p.as.Gid)); err != nil {
				return err
			}
		}
	}
	if err := p.Stop(30 * time.Second); err != nil {
		return err
	}
	p.args = append(p.args, "-c", "ssl=on", "-c", "ssl_cert_file="+p.data+".cert", "-c", "ssl_key_file="+p.data+".key")
	return p.Restart(ctx)
}
