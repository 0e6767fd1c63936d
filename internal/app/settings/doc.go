// Package settings is where the programs' settings come from: a flag of the command line, else an
// environment variable, else a file, else the default.
//
// A flag with an environment variable is a setting, and a file may have it under the flag's name. What is
// mistyped is an error in each of the three places, and names what was probably meant.
package settings
