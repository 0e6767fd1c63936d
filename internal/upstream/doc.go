// Package upstream configures in Nginx which nodes sell. It renders the gossip view as
// Nginx's upstream.conf, puts it in place and has Nginx reload. Or, where Nginx has the Lua module,
// it writes the view as a file of peers, which Nginx's workers read by themselves.
//
// Invariant: the file on disk is always one that Nginx accepts and that names at least
// one server. A view that breaks this is reported, and the file stays as it was. So the
// worst that gossip can do to buyers is to leave them with the nodes of a moment ago,
// which Nginx retries around by itself.
//
// The file holds server lines or peers only. All else about the upstream (keepalive, retries,
// the shared zone) is policy, and stands in Nginx's configuration.
package upstream
