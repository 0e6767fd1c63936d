package membership

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"

	"onsale/internal/sale"
)

// metaVersion rises when a field changes its meaning. Fields that are merely
// added need no new version: readers ignore those that they do not know.
const metaVersion = 1

// meta is a member's description of itself, as JSON inside memberlist's own
// messages. It comes from the network, so nothing of it is used unchecked:
// the address, for one, ends up in Nginx's configuration.
type meta struct {
	Version int  `json:"v"`
	Role    Role `json:"role"`
	sale.Node
}

// selfMeta is the configured member's first description of itself.
func (c Config) selfMeta() meta {
	m := meta{Version: metaVersion, Role: c.Role}
	if c.Role == RoleNode {
		m.Node = c.Node
	}
	return m
}

// node is the meta as the sale package has it.
func (m meta) node(name string) sale.Node {
	n := m.Node
	n.Name = name
	return n
}

// check reports every fault of the meta at once, or nil.
func (m meta) check() error {
	var faults []error
	if m.Version != metaVersion {
		faults = append(faults, fmt.Errorf("meta version %d: want %d", m.Version, metaVersion))
	}
	switch m.Role {
	case RoleAllocator:
	case RoleNode:
		if err := checkAddress(m.Address); err != nil {
			faults = append(faults, fmt.Errorf("address: %w", err))
		}
		if err := checkWeight(m.Weight); err != nil {
			faults = append(faults, err)
		}
	default:
		faults = append(faults, fmt.Errorf("role %.20q: want %s or %s", m.Role, RoleNode, RoleAllocator))
	}
	return errors.Join(faults...)
}

// encode renders the meta. A checked one is always below memberlist's 512 bytes.
func (m meta) encode() []byte {
	data, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("membership: a struct of strings, numbers and bools did not encode: %v", err))
	}
	return data
}

// decodeMeta reads a member's meta, or returns why it is not one of ours.
func decodeMeta(name string, data []byte) (meta, error) {
	var m meta
	if err := checkName(name); err != nil {
		return meta{}, fmt.Errorf("name: %w", err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return meta{}, fmt.Errorf("meta: %w", err)
	}
	if err := m.check(); err != nil {
		return meta{}, err
	}
	return m, nil
}

// checkName accepts an alphabet that cannot break out of a Redis key, a
// metric label or a comment in Nginx's configuration.
func checkName(name string) error {
	if name == "" || len(name) > MaxNameLength {
		return fmt.Errorf("%.80q: want 1 to %d bytes", name, MaxNameLength)
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return fmt.Errorf("%q: byte %d is not a letter, a digit, '.', '_' or '-'", name, i)
		}
	}
	return nil
}

// checkAddress accepts a host name or an IP, a colon and a port.
func checkAddress(address string) error {
	if len(address) > MaxAddressLength {
		return fmt.Errorf("%.80q: want at most %d bytes", address, MaxAddressLength)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return fmt.Errorf("%q: want host:port", address)
	}
	for i := range len(host) {
		if c := host[i]; !isAlphanumeric(c) && c != '.' && c != '-' && c != '_' && c != ':' {
			return fmt.Errorf("%q: %q is not part of a host name or IP", address, c)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q: port %q is not a number from 1 to 65535", address, port)
	}
	return nil
}

func checkWeight(weight int) error {
	if weight < 1 || weight > MaxWeight {
		return fmt.Errorf("weight %d: want 1 to %d", weight, MaxWeight)
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
