package model

import (
	"fmt"
	"reflect"
	"testing"
)

// Fill gives each field of *v that is zero a value of its own: texts, numbers and bools. So a
// test finds what loses a field between two ends, also one that is added after the test.
func Fill[T any](t testing.TB, v *T) {
	t.Helper()
	fields := reflect.ValueOf(v).Elem()
	for i := range fields.NumField() {
		f := fields.Field(i)
		switch {
		case !f.IsZero():
		case f.Kind() == reflect.String:
			f.SetString(fmt.Sprint("text-", i))
		case f.CanInt():
			f.SetInt(int64(1000 + i))
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		default:
			t.Fatalf("%s is a %s, want a text, a number or a bool", fields.Type().Field(i).Name, f.Kind())
		}
	}
}
