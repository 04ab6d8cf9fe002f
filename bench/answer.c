/* answer: the application behind a port, for `urc-bench proxy`.
 *
 *   answer PORT            TCP and UDP, on every address of this network namespace
 *
 * The first byte of a connection says what is wanted of it (bench/load.c):
 *   d   bytes, as fast as they are taken, until the client goes
 *   u   every byte is thrown away; at the end comes their number, eight bytes
 *   r   what comes is sent back
 * A datagram is sent back as it is. One process, one thread, epoll(7). */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kListener = -1, kDatagrams = -2, kChunk = 128 << 10, kDatagramMax = 2048, kEvents = 256 };

struct connection {
    char wanted;  // 0: not known yet
    uint64_t bytes;
};

static char buffer[kChunk];
static struct connection* connections;  // by descriptor
static int epoll;

static void die(const char* what) {
    perror(what);
    exit(1);
}

/* In a new network namespace nothing is up. */
static void bring_up_loopback(int socket) {
    struct ifreq request = {.ifr_name = "lo"};
    if (ioctl(socket, SIOCGIFFLAGS, &request) < 0 || (request.ifr_flags & IFF_UP)) return;
    request.ifr_flags |= IFF_UP;
    ioctl(socket, SIOCSIFFLAGS, &request);
}

static int bound(int type, uint16_t port) {
    const int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int off = 0, on = 1;
    if (fd < 0) die("socket");
    bring_up_loopback(fd);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (bind(fd, (struct sockaddr*)&address, sizeof address) < 0) die("bind");
    if (type == SOCK_STREAM && listen(fd, 4096) < 0) die("listen");
    return fd;
}

static void watch(int fd, int key, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = key};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static void accept_all(int listener, rlim_t max) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        const int on = 1;
        if ((rlim_t)fd >= max) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        memset(&connections[fd], 0, sizeof connections[fd]);
        watch(fd, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
}

/* Nonzero: the connection is over. */
static int give(int fd) {
    for (;;) {
        const ssize_t sent = send(fd, buffer, sizeof buffer, MSG_NOSIGNAL);
        if (sent < 0) return errno != EAGAIN;
    }
}

static int take(int fd, struct connection* connection) {
    for (;;) {
        const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
        if (count < 0) return errno != EAGAIN;
        if (count == 0 && connection->wanted == 'u')
            (void)!send(fd, &connection->bytes, sizeof connection->bytes, MSG_NOSIGNAL);
        if (count == 0) return 1;
        if (connection->wanted == 0) connection->wanted = buffer[0];
        connection->bytes += (uint64_t)count;
        if (connection->wanted == 'd') return give(fd);
        // Requests are small, and the client waits for each answer: it fits.
        if (connection->wanted == 'r' && send(fd, buffer, (size_t)count, MSG_NOSIGNAL) != count) return 1;
    }
}

static void send_back(int fd) {
    char datagram[kDatagramMax];
    struct sockaddr_in6 peer;
    for (;;) {
        socklen_t size = sizeof peer;
        const ssize_t count = recvfrom(fd, datagram, sizeof datagram, 0, (struct sockaddr*)&peer, &size);
        if (count < 0 && errno == EAGAIN) return;
        if (count >= 0) (void)!sendto(fd, datagram, (size_t)count, 0, (struct sockaddr*)&peer, size);
    }
}

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) die("getrlimit");
    files.rlim_cur = files.rlim_max < 1 << 20 ? files.rlim_max : 1 << 20;
    setrlimit(RLIMIT_NOFILE, &files);
    connections = calloc(files.rlim_cur, sizeof *connections);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!connections || epoll < 0) die("epoll_create1");
    const int listener = bound(SOCK_STREAM, port), datagrams = bound(SOCK_DGRAM, port);
    watch(listener, kListener, EPOLLIN);
    watch(datagrams, kDatagrams, EPOLLIN);
    for (struct epoll_event events[kEvents];;) {
        const int count = epoll_wait(epoll, events, kEvents, -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[i].data.fd;
            if (fd == kListener) {
                accept_all(listener, files.rlim_cur);
            } else if (fd == kDatagrams) {
                send_back(datagrams);
            } else if (connections[fd].wanted == 'd' ? give(fd) : take(fd, &connections[fd])) {
                close(fd);
            }
        }
    }
}
