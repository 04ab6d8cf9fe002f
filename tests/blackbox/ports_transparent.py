"""Both sides of a port that is published with the clients' own addresses: `ports_transparent.py ROLE ARGUMENT...`

  serve PORT          until killed: prints "ready", then reads what each client of IPv4 and IPv6 says to its end, and
                      answers with the client's address and as many bytes
  ask HOST PORT       says much, prints the address, wants all the bytes
  kill PID OTHER      kills the process, waits for the end of the other
"""
import os
import select
import signal
import socket
import sys

SIZE = 3_000_000


def read_all(connection):
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def serve(port):
    listener = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    while True:
        client, address = listener.accept()
        said = read_all(client)
        client.sendall(address[0].removeprefix("::ffff:").encode() + b"\n" + said)
        client.close()


def ask(host, port):
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(b"x" * SIZE)
    connection.shutdown(socket.SHUT_WR)
    address, said = read_all(connection).split(b"\n")
    if said != b"x" * SIZE:
        sys.exit("the bytes are not those that were sent")
    print(address.decode())


def kill(pid, other):
    ends = os.pidfd_open(int(other))
    os.kill(int(pid), signal.SIGKILL)
    select.select([ends], [], [], 60)


{"serve": serve, "ask": ask, "kill": kill}[sys.argv[1]](*sys.argv[2:])
