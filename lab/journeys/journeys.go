// Package journeys holds the ready journeys: scripts that show how the
// network works and hold this program to it. Each begins with a comment that
// teaches. `waypost lab run` runs them all, `waypost lab run NAME` one of them;
// docs/journeys.md is the manual of their language.
package journeys

import "embed"

// Files are the journeys, NAME.txt each.
//
//go:embed *.txt
var Files embed.FS
