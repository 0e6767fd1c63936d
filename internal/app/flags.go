package app

import (
	"errors"
	"fmt"
	"os"

	"onsale/internal/adminapi"
	"onsale/internal/keyspace"
	"onsale/internal/remotestock"
)

// RedisFlags are the addresses of Redis and how to connect to it.
type RedisFlags struct {
	Addrs         []string `name:"addr" default:"127.0.0.1:6379" env:"ONSALE_REDIS_ADDR" help:"host:port; several for Sentinels or a Cluster."`
	Master        string   `env:"ONSALE_REDIS_MASTER" help:"Name of the Sentinels' master; the addresses are then the Sentinels'."`
	Cluster       bool     `env:"ONSALE_REDIS_CLUSTER" help:"The addresses are seeds of a Redis Cluster."`
	Username      string   `env:"ONSALE_REDIS_USERNAME" help:"Redis user."`
	Password      string   `env:"ONSALE_REDIS_PASSWORD" secret:"all" help:"Redis password; in a file or in the environment, as a command line can be read by all."`
	PasswordFile  string   `env:"ONSALE_REDIS_PASSWORD_FILE" help:"File with the Redis password; make secrets makes one. It is read again for each connection, so that a new password needs no restart."`
	TLS           bool     `name:"tls" env:"ONSALE_REDIS_TLS" help:"Speak TLS to Redis."`
	CAFile        string   `name:"tls-ca" env:"ONSALE_REDIS_TLS_CA" help:"File with the certificates, in PEM, of those who may sign Redis's. Empty: this machine's."`
	Replicas      int      `default:"0" env:"ONSALE_REDIS_REPLICAS" help:"Replicas that must confirm a call before it is answered; Redis must have min-replicas-to-write as high. 0: a failover may lose the last moments, which are put back from ledger and nodes."`
	MemoryWarning int      `name:"memory-warning" default:"80" env:"ONSALE_REDIS_MEMORY_WARNING" help:"Percent of maxmemory from which on it is reported. Higher: less time until new holds are refused; lower: reported without need."`
	AllowDataLoss bool     `env:"ONSALE_REDIS_ALLOW_DATA_LOSS" help:"Sell though Redis's appendonly, appendfsync or no-appendfsync-on-rewrite may lose acknowledged holds when it is killed. For development. A Redis that evicts is refused all the same."`
	Database      int      `name:"db" env:"ONSALE_REDIS_DB" help:"Redis database number."`

	Prefix keyspace.Prefix `env:"ONSALE_REDIS_PREFIX" help:"Begins the names of all keys of this site, with a colon behind it: for several sites in one Redis. The same for all programs of a site, and nothing that can be changed later."`
}

// AfterApply reads the password's file, once the command line has been parsed. A file that can't be read or is
// empty is an error, and so is a second password beside it.
func (f *RedisFlags) AfterApply() error {
	if f.PasswordFile == "" {
		return nil
	}
	if f.Password != "" {
		return errors.New("--redis-password and --redis-password-file: give one of the two")
	}
	var err error
	f.Password, err = remotestock.ReadPassword(f.PasswordFile)
	return err
}

// CheckAddresses checks those of Redis, and that of the program's admin port, which flags that were made
// without a command line may lack.
func (f RedisFlags) CheckAddresses(admin string) error {
	return errors.Join(Addresses{"--admin": Given(admin)}.Check(true), Addresses{"--redis-addr": f.Addrs}.Check(false))
}

// Config is the configuration of a program that these flags were given to.
func (f RedisFlags) Config() remotestock.Config {
	c := remotestock.DefaultConfig("")
	c.Addrs, c.Master, c.Cluster, c.DB, c.TLS = f.Addrs, f.Master, f.Cluster, f.Database, f.TLS
	c.Replicas, c.AllowDataLoss, c.Prefix = f.Replicas, f.AllowDataLoss, f.Prefix
	if f.MemoryWarning != 0 { // flags that were made without a command line
		c.MemoryWarning = f.MemoryWarning
	}
	c.Username, c.Password, c.PasswordFile, c.CAFile = f.Username, f.Password, f.PasswordFile, f.CAFile
	return c
}

// SiteFlags name the site that this program belongs to.
type SiteFlags struct {
	Name string `name:"site" default:"onsale" env:"ONSALE_SITE" help:"Name of the site that this program belongs to. Redis and the ledger's database keep it, and refuse programs of another site."`
}

// Site is the site by what the flags have of it.
func (f SiteFlags) Site() remotestock.Site { return remotestock.Site{Name: f.Name} }

// AdminFlags locate the tokens that operators and ledgers authenticate with.
type AdminFlags struct {
	TokenFile string `name:"admin-token-file" env:"ONSALE_ADMIN_TOKEN_FILE" help:"File with the operators' bearer token, at least 16 bytes; make secrets makes one. With several, one a line, each is accepted, and the first is sent."`
}

// Tokens reads the file: those that this program accepts. Without a file there are none.
func (f AdminFlags) Tokens() (adminapi.Tokens, error) {
	if f.TokenFile == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(f.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("admin token: %w", err)
	}
	tokens, err := adminapi.ParseTokens(string(raw))
	if err != nil {
		return nil, fmt.Errorf("%w; see %s", err, f.TokenFile)
	}
	return tokens, nil
}

// Token is the one that this program sends, or empty.
func (f AdminFlags) Token() (string, error) {
	tokens, err := f.Tokens()
	return tokens.First(), err
}
