package remotestock

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/keyspace"
	"onsale/internal/throttle"
)

// Config is where Redis is and how long to wait for it.
type Config struct {
	// Addrs are host:port. One: standalone. With Master: the Sentinels. With
	// Cluster, or more than one without Master: seeds of a Redis Cluster.
	Addrs   []string
	Master  string
	Cluster bool

	Username, Password                 string
	SentinelUsername, SentinelPassword string
	DB                                 int
	Prefix                             keyspace.Prefix // of this site's keys
	TLS                                bool
	// PasswordFile is read again for each connection, and its content takes the place of Password: a new
	// password needs no restart. Empty: Password is the password.
	PasswordFile string
	// CAFile has the certificates, in PEM, of those who may sign Redis's. Empty: this machine's. For TLS alone.
	CAFile string

	// Replicas is how many replicas must confirm a call before its answer counts. Raised,
	// a failover loses nothing that was acknowledged as long as one of them is promoted, and
	// each call takes a round trip more; 0: a failover loses the last moments, and what nodes
	// and ledger have of them is put back.
	Replicas int
	// AllowDataLoss has a Redis sold from that does not fsync each call: when it is killed,
	// acknowledged holds are gone. For development, and where nothing else can be had.
	AllowDataLoss bool
	// MemoryWarning is the share of maxmemory in percent from which on it is reported. Raised,
	// less time is left before new holds are refused; lowered, it is reported without need.
	MemoryWarning int
	// Ledger: the site has a ledger, so a sale sells only once it is recorded there.
	Ledger bool

	// Rest is how long a snapshot rests after each piece, see [throttle.Rest].
	Rest throttle.Rest

	// Call bounds one script call. Raising it keeps buyers waiting longer on a
	// stalled Redis and must stay below a claim's deadline, or no re-send fits
	// in; lowering it turns slow fsyncs into unknown outcomes.
	Call time.Duration
	// Patience is how long a claim, or a change of an order or a sale, is sent again while
	// its outcome is unknown. It must end before Nginx's proxy_read_timeout, less one call. Raising it keeps callers waiting longer on a Redis
	// that is away; lowering it leaves more of them to find out for themselves.
	Patience time.Duration
	// Pause is the wait before a claim or such a change is sent again. Raising it loses tries; lowering
	// it hammers a Redis that is coming back.
	Pause time.Duration
	// Dial bounds a connection attempt; at most Call.
	Dial time.Duration
	// Pool is how many connections at most. Raising it costs Redis memory;
	// lowering it below (calls in flight + 2) a sale makes polls wait for purchases.
	Pool int
	// TripAfter is how many failures in a row open the circuit breaker.
	// Raising it makes more buyers wait for a dead Redis; lowering it lets a
	// single hiccup reject everybody for Cooldown.
	TripAfter uint32
	// Cooldown is how long the breaker stays open before one call tries again.
	// Raising it delays recovery; lowering it hammers a Redis that is loading.
	Cooldown time.Duration
}

// DefaultConfig is for one Redis at addr, with the timeouts of docs/architecture.md's ladder.
func DefaultConfig(addr string) Config {
	return Config{
		Addrs: []string{addr}, Call: 500 * time.Millisecond, Dial: 250 * time.Millisecond,
		Patience: 2 * time.Second, Pause: 25 * time.Millisecond,
		Pool: 64, TripAfter: 5, Cooldown: 250 * time.Millisecond, MemoryWarning: 80,
	}
}

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if len(c.Addrs) == 0 {
		faults = append(faults, errors.New("redis: no address given"))
	}
	for _, a := range c.Addrs {
		if _, _, err := net.SplitHostPort(a); err != nil {
			faults = append(faults, fmt.Errorf("redis: address %q: want host:port: %w", a, err))
		}
	}
	if c.Master != "" && c.Cluster {
		faults = append(faults, errors.New("redis: a Sentinel master and a Cluster exclude each other"))
	}
	if c.DB != 0 && (c.Cluster || c.Master == "" && len(c.Addrs) > 1) {
		faults = append(faults, errors.New("redis: a Cluster has only database 0"))
	}
	if c.CAFile != "" && !c.TLS {
		faults = append(faults, errors.New("redis: a CA is given, but no TLS: set --redis-tls, too"))
	}
	if c.Call < time.Millisecond {
		faults = append(faults, fmt.Errorf("redis: call timeout %v: want at least 1ms", c.Call))
	}
	if c.Dial < time.Millisecond || c.Dial > c.Call {
		faults = append(faults, fmt.Errorf("redis: dial timeout %v: want 1ms to the call timeout %v", c.Dial, c.Call))
	}
	if c.Patience < time.Millisecond || c.Pause < time.Millisecond {
		faults = append(faults, fmt.Errorf("redis: patience %v and pause %v: want at least 1ms", c.Patience, c.Pause))
	}
	if err := c.Prefix.Validate(); err != nil {
		faults = append(faults, err)
	}
	if c.Replicas < 0 {
		faults = append(faults, fmt.Errorf("redis: replicas %d: want 0 or more", c.Replicas))
	}
	if c.MemoryWarning < 1 || c.MemoryWarning > 100 {
		faults = append(faults, fmt.Errorf("redis: memory warning at %d %%: want 1 to 100", c.MemoryWarning))
	}
	if c.Pool < 1 || c.TripAfter < 1 || c.Cooldown <= 0 {
		faults = append(faults, errors.New("redis: pool, trip-after and cooldown must be positive"))
	}
	return errors.Join(faults...)
}

// Dial makes a client for the configured Redis. It connects on first use.
func Dial(c Config) (redis.UniversalClient, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	o := &redis.UniversalOptions{
		Addrs: c.Addrs, MasterName: c.Master, IsClusterMode: c.Cluster, DB: c.DB,
		Username: c.Username, Password: c.Password,
		SentinelUsername: c.SentinelUsername, SentinelPassword: c.SentinelPassword,
		ClientName: "onsale",
		// A script must run once a call: see the package comment.
		MaxRetries:            -1,
		ContextTimeoutEnabled: true,
		DialTimeout:           c.Dial,
		DialerRetries:         1,
		ReadTimeout:           c.Call,
		WriteTimeout:          c.Call,
		PoolTimeout:           c.Call / 2,
		PoolSize:              c.Pool,
		ConnMaxIdleTime:       5 * time.Minute,
	}
	if c.PasswordFile != "" {
		o.CredentialsProviderContext = c.credentials
	}
	if c.TLS {
		var err error
		if o.TLSConfig, err = c.tls(); err != nil {
			return nil, err
		}
	}
	o.Dialer = dialer(c.Dial, o.TLSConfig)
	client := redis.NewUniversalClient(o)
	follow(client)
	return client, nil
}
