//go:build !unix

package disk

import (
	"os"
	"path/filepath"
)

// lockDir opens the lock file; on this system nothing keeps a second process
// out.
func lockDir(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
}
