package adminapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// Operators see every field of a payment, a share and a node, but for a payment's message.
func TestDocumentsHaveEveryField(t *testing.T) {
	var payment sale.Payment
	var share sale.Share
	var node sale.Node
	model.Fill(t, &payment)
	model.Fill(t, &share)
	model.Fill(t, &node)
	status := newStatus(sale.Survey{Shares: []sale.Share{share}})
	for _, c := range []struct{ from, to any }{
		{payment, newPayment(payment, 0)}, {share, status.Plan[0]}, {node, newNode(node, sale.NodeSetting{})},
	} {
		text, err := json.Marshal(c.to)
		if err != nil {
			t.Fatal(err)
		}
		var shown []string
		var members map[string]any
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		for name, value := range members {
			shown = append(shown, strings.ReplaceAll(name, "_", "")+"="+fmt.Sprint(value))
		}
		from := reflect.ValueOf(c.from)
		for i := range from.NumField() {
			name, value := strings.ToLower(from.Type().Field(i).Name), from.Field(i).Interface()
			if at, is := value.(sale.Instant); is {
				value = at.Time().Format(time.RFC3339Nano)
			}
			if name == "message" {
				continue
			}
			if want := name + "=" + fmt.Sprint(value); !slices.Contains(shown, want) {
				t.Errorf("%T: got %s, want %s in it", c.from, text, want)
			}
		}
	}
}
