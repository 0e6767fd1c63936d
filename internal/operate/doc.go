// Package operate is what operators run against a site: they audit, archive and reconcile sales.
package operate
