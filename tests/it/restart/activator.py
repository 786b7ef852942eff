"""A small activator, as systemd is one: it opens sockets, passes them to each process that it starts, and keeps them.

Arguments: the names of the sockets, `--`, the command. Says `listening ADDRESS...`, then answers the lines of its input:
`start` with `started`, `term` with `told`, `wait` with `ended CODE`; after `forget` it has no sockets. What is left is
killed at the end of its input.
"""

import os
import signal
import socket
import sys

at = sys.argv.index("--")
names, command = sys.argv[1:at], sys.argv[at + 1:]
sockets = []
for name in names:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    sockets.append(listener)
child = None


def say(*words):
    print(*words, flush=True)


def start():
    passed = [listener.fileno() for listener in sockets]
    pid = os.fork()
    if pid:
        return pid
    # Out of the way first: a descriptor of the protocol may be that of another socket.
    copies = [os.dup(descriptor) for descriptor in passed]
    while any(copy < 3 + len(copies) for copy in copies):
        copies = [os.dup(copy) for copy in copies]
    for number, copy in enumerate(copies):
        os.dup2(copy, 3 + number)
    os.closerange(3 + len(copies), 256)
    environment = dict(os.environ)
    if copies:
        environment["LISTEN_FDS"] = str(len(copies))
        environment["LISTEN_PID"] = str(os.getpid())
        environment["LISTEN_FDNAMES"] = ":".join(names)
    os.execve(command[0], command, environment)


say("listening", *("%s:%d" % listener.getsockname() for listener in sockets))
for line in sys.stdin:
    if line == "start\n":
        child = start()
        say("started")
    elif line == "term\n":
        os.kill(child, signal.SIGTERM)
        say("told")
    elif line == "wait\n":
        _, status = os.waitpid(child, 0)
        child = None
        say("ended", os.waitstatus_to_exitcode(status))
    elif line == "forget\n":
        for listener in sockets:
            listener.close()
        sockets = []
        say("forgotten")
if child:
    os.kill(child, signal.SIGKILL)
