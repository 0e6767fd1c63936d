// Package journey has tests alone: buyers who go through a whole site with a browser, while its parts fail.
package journey
