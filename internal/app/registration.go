package app

import "strings"

// Registration is what a node registers under its name: its admin address and that of its buyers' API.
func Registration(admin, buyers string) string { return admin + " " + buyers }

// Registered takes a registration apart. buyers is empty where there is none.
func Registered(value string) (admin, buyers string) {
	admin, buyers, _ = strings.Cut(value, " ")
	return admin, buyers
}
