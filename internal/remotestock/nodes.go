package remotestock

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// The fields of the key of nodes begin so; the node's name follows.
const (
	drainedField = "drained:"
	weightField  = "weight:"
)

// DrainNode has a node leave the upstream and the plans, or return. Made again it changes nothing.
// The errors are [sale.ErrUnavailable] and [sale.ErrUnknown].
func (s *Store) DrainNode(ctx context.Context, name string, drained bool) error {
	value := ""
	if drained {
		value = "1"
	}
	return s.setNode(ctx, drainedField+name, value)
}

// WeighNode gives a node this weight in place of its own; 0 gives it back its own. The errors are those of
// DrainNode.
func (s *Store) WeighNode(ctx context.Context, name string, weight int) error {
	value := ""
	if weight != 0 {
		value = strconv.Itoa(weight)
	}
	return s.setNode(ctx, weightField+name, value)
}

func (s *Store) setNode(ctx context.Context, field, value string) error {
	_, err := s.insist(ctx, func() error {
		_, err := s.callApart(ctx, nodeScript, []string{s.config.Prefix.Nodes()}, field, value)
		if err != nil {
			return classify("node", err)
		}
		return nil
	})
	return err
}

// NodeSettings returns what is set for nodes, by name. A node for which nothing is set is not among them.
// The error is [sale.ErrUnavailable].
func (s *Store) NodeSettings(ctx context.Context) (map[string]sale.NodeSetting, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	fields, err := s.client.HGetAll(ctx, s.config.Prefix.Nodes()).Result()
	if err != nil {
		return nil, fmt.Errorf("settings of nodes: %w: %w", sale.ErrUnavailable, err)
	}
	set := map[string]sale.NodeSetting{}
	for field, value := range fields {
		if name, is := strings.CutPrefix(field, drainedField); is {
			n := set[name]
			n.Drained = value == "1"
			set[name] = n
		} else if name, is := strings.CutPrefix(field, weightField); is {
			n := set[name]
			n.Weight = weightOf(value)
			set[name] = n
		}
	}
	return set, nil
}

// NodeSetting returns what is set for one node. The error is [sale.ErrUnavailable].
func (s *Store) NodeSetting(ctx context.Context, name string) (set sale.NodeSetting, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	values, err := s.client.HMGet(ctx, s.config.Prefix.Nodes(), drainedField+name, weightField+name).Result()
	if err != nil {
		return set, fmt.Errorf("settings of node %s: %w: %w", name, sale.ErrUnavailable, err)
	}
	drained, _ := values[0].(string) // nil: it is not set
	weight, _ := values[1].(string)
	return sale.NodeSetting{Drained: drained == "1", Weight: weightOf(weight)}, nil
}

// weightOf is a weight as it was set. What is none, by another hand or a later version, counts as not set.
func weightOf(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > sale.MaxWeight {
		return 0
	}
	return n
}
