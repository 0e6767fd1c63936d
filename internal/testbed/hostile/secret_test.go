package hostile_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onsale/internal/adminapi/client"
	"onsale/internal/buyerapi"
	"onsale/internal/payment"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// planted are all secrets of the site, and a buyer's token.
func (s *site) planted(t *testing.T) map[string]string {
	t.Helper()
	gossip, err := os.ReadFile(s.gossipKey)
	if err != nil {
		t.Fatal(err)
	}
	_, key := s.keySet(t)
	database, err := url.Parse(s.Postgres.URL())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := database.User.Password()
	token := strings.TrimPrefix(s.bearer(t, "planted"), "Authorization: Bearer ")
	return map[string]string{
		"admin token": s.AdminToken, "provider's secret": strings.TrimPrefix(s.Payments.Reveal(), "whsec_"), "gossip key": strings.TrimSpace(string(gossip)),
		"token key": base64.RawURLEncoding.EncodeToString(key), "token key, raw": string(key), "database password": password, "signature of a buyer's token": token[strings.LastIndexByte(token, '.')+1:],
	}
}

// Attack: reading secrets where strangers, other users of the machine or people who see logs could: in logs, also at the level debug and after secrets
// came in wrong places, in metrics and health, on command lines, and in what onsale config prints.
func TestNoSecretIsShown(t *testing.T) {
	target.open(t, 1)
	planted := target.planted(t)
	for _, d := range target.admins() {
		at := client.Client{Addr: d.addr, Token: target.AdminToken}
		if _, err := at.SetLog(target.ctx, "debug"); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := at.SetLog(target.ctx, "info"); err != nil {
				t.Error(err)
			}
		}()
	}
	// Secrets where they don't belong: as tokens of another kind, in headers that may be logged, in paths and bodies. The raw key has any byte.
	for name, secret := range planted {
		if name == "token key, raw" {
			continue
		}
		for _, d := range slices.Concat(target.doors(), target.admins()) {
			for _, text := range []string{
				request("POST", "/v1/sales/"+honest+"/orders", one, "Authorization: Bearer "+secret),
				request("GET", "/v1/sales/"+honest+"/orders/mine", "", "Authorization: "+secret),
				request("POST", buyerapi.WebhookPath, "{}", payment.HeaderID+": x", payment.HeaderTimestamp+": 1", payment.HeaderSignature+": "+secret),
				request("GET", "/admin/v1/log", "", "Authorization: Bearer x"+secret),
			} {
				askAdmin(t, d.addr, text)
			}
		}
	}
	await.Until(t, "a line of the level debug", func() bool {
		for _, log := range target.logs(t) {
			if bytes.Contains(log, []byte(`"debug"`)) || bytes.Contains(log, []byte("DEBUG")) || bytes.Contains(log, []byte("debug")) {
				return true
			}
		}
		return false
	})
	shown := target.logs(t)
	for _, d := range target.admins() {
		for _, path := range []string{"/metrics", "/readyz", "/livez"} {
			_, body, err := process.Fetch("http://" + d.addr + path)
			if err != nil {
				t.Fatal(err)
			}
			shown[d.name+path] = body
		}
	}
	for _, m := range slices.Concat(target.Nodes, target.Allocators, target.Ledgers) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", m.Pid()))
		if err != nil {
			t.Fatal(err)
		}
		shown["command line of "+m.Name] = line
	}
	onsale := filepath.Join(t.TempDir(), "onsale")
	if err := runCommand([]string{"go", "build", "-o", onsale, "onsale/cmd/onsale"}); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"node", "allocator", "ledger"} {
		cmd := exec.Command(onsale, "config", program)
		cmd.Env = append(os.Environ(), "ONSALE_CONFIG=", "ONSALE_REDIS_PASSWORD="+planted["database password"], "ONSALE_DATABASE_URL="+target.Postgres.URL(),
			"ONSALE_ADMIN_TOKEN_FILE="+filepath.Join(target.Dir, "admin-token"), "ONSALE_TOKEN_KEYS="+filepath.Join(target.Dir, "keys.json"), "ONSALE_GOSSIP_KEY_FILE="+target.gossipKey)
		out, _ := cmd.CombinedOutput() // it may fail as the program would
		if !bytes.Contains(out, []byte("********")) {
			t.Errorf("onsale config %s: got %s, want the password masked", program, out)
		}
		shown["onsale config "+program] = out
	}
	for where, text := range shown {
		for name, secret := range planted {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s shows the %s", where, name)
			}
		}
	}
}
