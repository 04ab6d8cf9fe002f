"""Datagrams for a published port of 127.0.0.1: `ports_udp.py ROLE PORT`, one a process.

  echo     until killed: prints "ready", then each datagram comes back
  refused  wants to hear that nobody listens
  bursts   sends bursts, some by one call (UDP_SEGMENT), and wants each datagram back as it was
"""
import socket
import sys

UDP_SEGMENT = 103


def echo(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", port))
    print("ready", flush=True)
    while True:
        said, client = server.recvfrom(65536)
        server.sendto(said, client)


def connect(port):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port))
    client.settimeout(30)
    return client


def refused(port):
    client = connect(port)
    client.send(b"anybody?")
    try:
        sys.exit(f"answered: {client.recv(100)!r}")
    except ConnectionRefusedError:
        pass


def want_back(client, datagrams):
    for number, expected in enumerate(datagrams):
        got = client.recv(65536)
        if got != expected:
            sys.exit(f"datagram {number}: {len(got)} bytes and not {len(expected)}")


def bursts(port):
    client = connect(port)
    # What comes before the first socket is there has to wait, and there is little room.
    for sizes in [1], [700] * 40 + [3], [1, 900] * 10, [0, 5, 5, 0, 5], [60000, 60000], [1400] * 20:
        datagrams = [bytes([number]) * size for number, size in enumerate(sizes)]
        for datagram in datagrams:
            client.send(datagram)
        want_back(client, datagrams)
    client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
    text = b"".join(bytes([number]) * 1000 for number in range(30)) + b"end"
    client.send(text)
    want_back(client, [text[at:at + 1000] for at in range(0, len(text), 1000)])


{"echo": echo, "refused": refused, "bursts": bursts}[sys.argv[1]](int(sys.argv[2]))
