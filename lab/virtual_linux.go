package lab

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieWithParent makes the kernel end the child when this process ends. The
// kernel looks at the thread that started the child, so the thread must live
// until unlock is called.
func dieWithParent(child *exec.Cmd) (unlock func()) {
	runtime.LockOSThread()
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return runtime.UnlockOSThread
}
