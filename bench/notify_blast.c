/* notify_blast: datagrams of sd_notify(3) to $NOTIFY_SOCKET.
 *
 *   notify_blast DIRECTORY status|ready BURST SINGLES GAP_US
 *
 * First BURST datagrams as fast as the socket takes them, then, let go a second time, SINGLES of them GAP_US
 * apart. Their text is STATUS=NUMBER, counted on from 0 over both, or READY=1 for a monitor that passes on
 * nothing else. The CLOCK_MONOTONIC of each single one goes into the fifo `sent` in DIRECTORY, as eight bytes
 * written after the datagram, so that the time of writing it is nobody's latency. See bench/gate.h. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "gate_program.h"

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static struct sockaddr_un address_of(const char* text) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (text == NULL || text[0] != '/' || strlen(text) >= sizeof address.sun_path) exit(4);
    strcpy(address.sun_path, text);
    return address;
}

static void send_one(int fd, const struct sockaddr_un* address, int is_ready, unsigned long number) {
    char text[32] = "READY=1";
    if (!is_ready) snprintf(text, sizeof text, "STATUS=%lu", number);
    while (sendto(fd, text, strlen(text), 0, (const struct sockaddr*)address, sizeof *address) < 0) {
        if (errno == EINTR) continue;
        perror("sendto");
        exit(5);
    }
}

int main(int argc, char** argv) {
    if (argc != 6) return 2;
    const int is_ready = strcmp(argv[2], "ready") == 0;
    const unsigned long burst = strtoul(argv[3], NULL, 10), singles = strtoul(argv[4], NULL, 10);
    const long gap_us = strtol(argv[5], NULL, 10);
    const struct sockaddr_un address = address_of(getenv("NOTIFY_SOCKET"));
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char path[4096];
    snprintf(path, sizeof path, "%s/sent", argv[1]);
    const int sent = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || sent < 0) return 2;
    const struct gate gate = gate_open(argv[1]);

    gate_say(&gate, 'u');
    gate_wait(gate.go);
    for (unsigned long i = 0; i < burst; ++i) send_one(fd, &address, is_ready, i);
    gate_say(&gate, 'd');
    gate_wait(gate.end);
    const struct timespec gap = {.tv_sec = gap_us / 1000000, .tv_nsec = gap_us % 1000000 * 1000};
    for (unsigned long i = 0; i < singles; ++i) {
        nanosleep(&gap, NULL);
        const long long time = now_ns();
        send_one(fd, &address, is_ready, burst + i);
        if (write(sent, &time, sizeof time) != (ssize_t)sizeof time) return 6;
    }
    gate_say(&gate, 'e');
    return 0;
}
