/* load: clients of bench/answer.c, for `urc-bench proxy`.
 *
 *   load down     ADDRESS PORT STREAMS MS    what comes in MS milliseconds over so many connections
 *   load up       ADDRESS PORT STREAMS MS    the other way; what counts is what has arrived
 *   load requests ADDRESS PORT STREAMS MS    requests of 128 bytes, one after the other on each connection
 *   load connect  ADDRESS PORT STREAMS MS    a connection for each request, so many at a time
 *   load udp      ADDRESS PORT STREAMS MS    datagrams of 256 bytes, 16 on their way for each socket
 *   load check    ADDRESS PORT 1 MS          tries until one request is answered, at most MS
 *
 * One line on standard output, in nanoseconds: `bytes N count N failed N seconds S p50 N p99 N`. Status 0
 * unless nothing at all was possible. One thread, epoll(7). Times are kept in buckets less than a hundredth
 * apart. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load_times.h"

enum { kRequest = 128, kDatagram = 256, kWindow = 16, kChunk = 128 << 10, kEvents = 256, kLossMs = 200 };

enum mode { down, up, requests, connections, udp, check };
static const char* const kModes[] = {"down", "up", "requests", "connect", "udp", "check"};

struct stream {
    int fd;
    int is_connected, is_ending;
    int64_t begun;      // this request
    uint64_t sent;      // up
    uint64_t received;  // of this answer
};

static struct {
    enum mode mode;
    struct sockaddr_in address;
    int64_t end;
    int epoll;
    uint64_t bytes, count, failed, unanswered;
    struct times times;
} run;

static char buffer[kChunk];

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void die(const char* what) {
    perror(what);
    exit(1);
}

/* On loopback every address is ours: a new one each time, so that ports that are still remembered
 * (TIME_WAIT) do not run out. */
static void bind_somewhere(int fd) {
    static unsigned last;
    if (ntohl(run.address.sin_addr.s_addr) >> 24 != 127) return;
    const int on = 1;
    last = (last + 1) % 200;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002u + last)};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    bind(fd, (struct sockaddr*)&from, sizeof from);
}

/* False: not even begun. */
static int open_stream(struct stream* stream) {
    const int type = run.mode == udp ? SOCK_DGRAM : SOCK_STREAM, on = 1;
    memset(stream, 0, sizeof *stream);
    stream->fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0) die("socket");
    if (type == SOCK_STREAM) setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (run.mode == connections) bind_somewhere(stream->fd);
    stream->begun = now_ns();
    if (connect(stream->fd, (struct sockaddr*)&run.address, sizeof run.address) < 0 && errno != EINPROGRESS) {
        close(stream->fd);
        stream->fd = -1;
        return 0;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = stream};
    if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, stream->fd, &event) < 0) die("epoll_ctl");
    return 1;
}

static void close_stream(struct stream* stream) {
    if (stream->fd >= 0) close(stream->fd);
    stream->fd = -1;
}

static void fail_stream(struct stream* stream) {
    ++run.failed;
    close_stream(stream);
}

static void send_request(struct stream* stream) {
    char request[kRequest] = "r";
    stream->received = 0;
    if (run.mode != connections) stream->begun = now_ns();
    if (send(stream->fd, request, sizeof request, MSG_NOSIGNAL) != sizeof request) fail_stream(stream);
}

static void send_datagram(struct stream* stream) {
    char datagram[kDatagram] = {0};
    const int64_t time = now_ns();
    memcpy(datagram, &time, sizeof time);
    if (send(stream->fd, datagram, sizeof datagram, 0) == sizeof datagram) ++run.unanswered;
}

static void begin(struct stream* stream) {
    int code = 0;
    socklen_t size = sizeof code;
    getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) {
        fail_stream(stream);
        return;
    }
    stream->is_connected = 1;
    if (run.mode == udp) {
        for (int i = 0; i < kWindow; ++i) send_datagram(stream);
    } else if (run.mode == requests || run.mode == connections || run.mode == check) {
        send_request(stream);
    } else if (send(stream->fd, run.mode == up ? "u" : "d", 1, MSG_NOSIGNAL) == 1) {
        stream->sent = 1;
    }
}

static void push(struct stream* stream) {
    while (!stream->is_ending) {
        if (now_ns() >= run.end) {
            stream->is_ending = 1;
            shutdown(stream->fd, SHUT_WR);
            return;
        }
        const ssize_t sent = send(stream->fd, buffer, sizeof buffer, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return;
        if (sent < 0) {
            fail_stream(stream);
            return;
        }
        stream->sent += (uint64_t)sent;
    }
}

/* An answer is complete. */
static void answered(struct stream* stream) {
    ++run.count;
    times_add(&run.times, now_ns() - stream->begun);
    if (run.mode == check) {
        close_stream(stream);
    } else if (run.mode == connections) {
        close_stream(stream);
        if (now_ns() < run.end && !open_stream(stream)) ++run.failed;
    } else if (now_ns() < run.end) {
        send_request(stream);
    }
}

static void count_received(struct stream* stream, size_t size) {
    run.bytes += run.mode == up ? 0 : size;
    stream->received += size;
    if (run.mode == udp) {
        int64_t sent;
        memcpy(&sent, buffer, sizeof sent);
        times_add(&run.times, now_ns() - sent);
        ++run.count;
        if (run.unanswered > 0) --run.unanswered;
        if (now_ns() < run.end) send_datagram(stream);
    } else if (run.mode == up && stream->received == sizeof(uint64_t)) {
        uint64_t arrived;
        memcpy(&arrived, buffer, sizeof arrived);
        run.bytes += arrived;
        if (arrived != stream->sent) ++run.failed;
        close_stream(stream);
    } else if (run.mode != down && run.mode != up && stream->received == kRequest) {
        answered(stream);
    }
}

static void pull(struct stream* stream) {
    const int fd = stream->fd;
    while (stream->fd == fd && fd >= 0) {
        const ssize_t count = recv(fd, buffer, run.mode == udp ? kDatagram : sizeof buffer, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            fail_stream(stream);
            return;
        }
        count_received(stream, (size_t)count);
        if (run.mode == down && now_ns() >= run.end) return;
    }
}

static void step(struct stream* stream, uint32_t events) {
    if (stream->fd < 0) return;
    if (!stream->is_connected) {
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
        begin(stream);
    }
    if (stream->fd >= 0 && run.mode == up) push(stream);
    if (stream->fd >= 0) pull(stream);
}

static int is_over(const struct stream* streams, int count) {
    if (run.mode == check) return run.count > 0;
    if (run.mode != up) return now_ns() >= run.end;
    for (int i = 0; i < count; ++i)
        if (streams[i].fd >= 0) return now_ns() >= run.end + 10000000000LL;
    return 1;
}

static void run_all(struct stream* streams, int count) {
    struct epoll_event events[kEvents];
    for (int i = 0; i < count; ++i)
        if (!open_stream(&streams[i])) ++run.failed;
    while (!is_over(streams, count)) {
        const int ready = epoll_wait(run.epoll, events, kEvents, kLossMs);
        for (int i = 0; i < ready; ++i) step(events[i].data.ptr, events[i].events);
        // Nobody answers any more: what was on its way is lost.
        for (int i = 0; ready == 0 && run.mode == udp && i < count; ++i) {
            if (i == 0) run.failed += run.unanswered;
            if (i == 0) run.unanswered = 0;
            for (int k = 0; k < kWindow; ++k) send_datagram(&streams[i]);
        }
        if (run.mode == check && streams[0].fd < 0 && run.count == 0) {
            if (now_ns() >= run.end) exit(1);
            usleep(20000);
            (void)open_stream(&streams[0]);
        }
    }
}

int main(int argc, char** argv) {
    if (argc != 6) return 2;
    while (run.mode < check && strcmp(argv[1], kModes[run.mode]) != 0) ++run.mode;
    const int count = atoi(argv[4]);
    run.address.sin_family = AF_INET;
    run.address.sin_port = htons((uint16_t)atoi(argv[3]));
    if (strcmp(argv[1], kModes[run.mode]) != 0 || count < 1 ||
        inet_pton(AF_INET, argv[2], &run.address.sin_addr) != 1)
        return 2;
    struct stream* streams = calloc((size_t)count, sizeof *streams);
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!streams || run.epoll < 0) die("epoll_create1");
    const int64_t start = now_ns();
    run.end = start + atoll(argv[5]) * 1000000;
    run_all(streams, count);
    const double seconds = (double)(now_ns() - start) / 1e9;
    printf("bytes %llu count %llu failed %llu seconds %.6f p50 %lld p99 %lld\n",
           (unsigned long long)run.bytes, (unsigned long long)run.count, (unsigned long long)run.failed,
           seconds, (long long)times_percentile(&run.times, 50), (long long)times_percentile(&run.times, 99));
    return run.count == 0 && run.bytes == 0;
}
