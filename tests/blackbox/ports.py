"""The programs on both sides of a published port: `ports.py ROLE ARGUMENT...`, one a process.

  echo PORT [ADDRESS]      until killed: what a client says comes back; its end is answered by an end
  sum PORT                 until killed: reads to the end, answers with the SHA-256, ends
  stream PORT SIZE         until killed: sends SIZE bytes to each client, ends
  udp PORT                 until killed: each datagram comes back
  up HOST PORT SIZE        sends SIZE bytes and its end, checks the SHA-256 that comes back (half-closed)
  down HOST PORT SIZE      reads to the end, checks the SHA-256; closes its own direction last
  idle HOST PORT COUNT     opens COUNT connections, then says something on each and wants it back
  crowd HOST PORT COUNT    the same, prints "open", and once more when its input ends
  storm HOST PORT COUNT    COUNT connections, one after the other and 20 at a time, each with a question
  reset HOST PORT          wants a reset and nothing else
  held HOST PORT           opens one, prints "open", and wants it to end by a reset
  ask HOST PORT            one datagram, wants it back
  manager SOCKET           until killed: prints "ready", then a line for each notification
  tell SOCKET TEXT         one notification

A port that serves prints "ready".
"""
import hashlib
import resource
import selectors
import socket
import sys


def data(size):
    return hashlib.shake_128(b"%d" % size).digest(size)


def server(port, handle, address="127.0.0.1"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, int(port)), family=family, backlog=4096)
    listener.setblocking(False)
    watched = selectors.DefaultSelector()
    watched.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in watched.select():
            if key.fileobj is listener:
                client, _ = listener.accept()
                if handle is not echo:
                    client.setblocking(True)
                    handle(client)
                else:
                    watched.register(client, selectors.EVENT_READ)
            elif not echo(key.fileobj):
                watched.unregister(key.fileobj)
                key.fileobj.close()


def echo(client):
    try:
        said = client.recv(65536)
        client.sendall(said)
        return bool(said)
    except ConnectionError:
        return False


def summer(client):
    digest = hashlib.sha256()
    while said := client.recv(1 << 20):
        digest.update(said)
    client.sendall(digest.hexdigest().encode())
    client.close()


def serve_udp(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", int(port)))
    print("ready", flush=True)
    while True:
        said, client = listener.recvfrom(65536)
        listener.sendto(said, client)


def connect(host, port):
    return socket.create_connection((host, int(port)), timeout=60)


def read_all(connection):
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def want(got, expected, what):
    if got != expected:
        sys.exit(f"{what}: {got!r:.80} and not {expected!r:.80}")


def up(host, port, size):
    connection = connect(host, port)
    bytes_sent = data(int(size))
    connection.sendall(bytes_sent)
    connection.shutdown(socket.SHUT_WR)
    want(read_all(connection).decode(), hashlib.sha256(bytes_sent).hexdigest(), "sum")


def down(host, port, size):
    connection = connect(host, port)
    got = read_all(connection)
    want(hashlib.sha256(got).hexdigest(), hashlib.sha256(data(int(size))).hexdigest(), "sum")


def question(connection, text):
    connection.sendall(text)
    got = b""
    while len(got) < len(text):
        more = connection.recv(65536)
        if not more:
            sys.exit("the connection ended early")
        got += more
    want(got, text, "answer")


def idle(host, port, count):
    connections = [connect(host, port) for _ in range(int(count))]
    for number, connection in enumerate(connections):
        question(connection, b"I am %d" % number)


def crowd(host, port, count):
    connections = [connect(host, port) for _ in range(int(count))]
    for said in b"first", b"last":
        for connection in connections:
            question(connection, said)
        if said == b"first":
            print("open", flush=True)
            sys.stdin.read()


def storm(host, port, count):
    for first in range(0, int(count), 20):
        connections = [connect(host, port) for _ in range(20)]
        for connection in connections:
            question(connection, b"x" * (first + 1))
            connection.close()


def reset(host, port):
    try:
        is_reset(connect(host, port))
    except ConnectionResetError:
        return


def is_reset(connection):
    try:
        want(connection.recv(1), None, "a reset was expected")
    except ConnectionResetError:
        return


def held(host, port):
    connection = connect(host, port)
    question(connection, b"hello")
    print("open", flush=True)
    is_reset(connection)


def ask(host, port):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect((host, int(port)))
    client.settimeout(30)
    client.send(b"question")
    want(client.recv(100), b"question", "answer")


def manager(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    print("ready", flush=True)
    while True:
        print(listener.recv(4096).decode(), flush=True)


def tell(path, text):
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(text.encode(), path)


def stream(port, size):
    content = data(int(size))

    def send(client):
        try:
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
            client.recv(1)
        except ConnectionError:
            pass
        client.close()
    server(port, send)


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
roles = {
    "echo": lambda port, *address: server(port, echo, *address), "sum": lambda port: server(port, summer),
    "stream": stream, "udp": serve_udp, "up": up, "down": down, "idle": idle, "storm": storm,
    "reset": reset, "held": held, "ask": ask, "crowd": crowd, "manager": manager, "tell": tell,
}
roles[sys.argv[1]](*sys.argv[2:])
