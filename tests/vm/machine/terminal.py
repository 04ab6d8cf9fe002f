"""Runs a command on a new pseudo-terminal of 40 lines and 120 columns; what it prints there goes to standard output,
its exit status becomes ours. Usage: terminal.py COMMAND [ARGUMENT...]"""
import fcntl
import os
import pty
import struct
import sys
import termios

pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    try:
        data = os.read(master, 65536)
    except OSError:  # EIO: nobody has the other side any more
        break
    if not data:
        break
    os.write(1, data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
