// Package compose proves the shipped docker-compose.yml, unchanged, on a real Docker engine, also
// where no registry of images can be reached: stand-ins for the public images are made of Debian's
// packages, and the file's own variables name them.
//
// [Run] brings the stack up as a project of its own, sells through both Nginx with a client that
// never repeats a request, changes and breaks the stack meanwhile, audits it, and removes all that
// it made. The images stay in the engine: the next run takes them from there.
package compose
