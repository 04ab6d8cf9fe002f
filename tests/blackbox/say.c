// What a service in a container does with sd_notify(3), for the tests: static, so that it runs from any
// rootfs.
//   say TEXT                 one datagram; "\n" in TEXT is a new line
//   say --memfd WORDS TEXT   with a memfd that holds WORDS (FDSTORE=1)
//   say --barrier            BARRIER=1 with a pipe, and waits until the other side has closed it, at most 10
//   s say --burst COUNT TEXT   COUNT datagrams "TEXT 1" ... as fast as they are taken say --monotonic TEXT
//   with MONOTONIC_USEC of this clock as another line
// Errors end it with 1 and a line.
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void die(const char* what) {
    fprintf(stderr, "say: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to_manager(void) {
    const char* path = getenv("NOTIFY_SOCKET");
    if (!path) {
        fputs("say: NOTIFY_SOCKET is not set\n", stderr);
        exit(2);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) die("NOTIFY_SOCKET");
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '@' ? 0 : 1));
    if (fd < 0 || connect(fd, (struct sockaddr*)&address, size) < 0) die("connect");
    return fd;
}

static void send_with(int socket_fd, const char* text, int fd) {
    struct iovec data = {(void*)text, strlen(text)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    if (sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0) die("sendmsg");
}

static char* unescaped(const char* text) {
    char* out = malloc(strlen(text) + 1);
    char* to = out;
    for (; *text; ++text) {
        if (text[0] == '\\' && text[1] == 'n') {
            *to++ = '\n';
            ++text;
        } else {
            *to++ = *text;
        }
    }
    *to = 0;
    return out;
}

static int barrier(int manager) {
    int ends[2];
    if (pipe(ends) < 0) die("pipe");
    send_with(manager, "BARRIER=1", ends[1]);
    close(ends[1]);
    struct pollfd wait = {.fd = ends[0], .events = 0};
    if (poll(&wait, 1, 10000) <= 0) {
        fputs("say: the barrier was not answered\n", stderr);
        return 1;
    }
    return 0;
}

int main(int argc, char** argv) {
    int manager = connect_to_manager();
    if (argc == 2 && !strcmp(argv[1], "--barrier")) return barrier(manager);
    if (argc == 4 && !strcmp(argv[1], "--memfd")) {
        int memfd = memfd_create("kept", MFD_CLOEXEC);
        if (memfd < 0 || write(memfd, argv[2], strlen(argv[2])) < 0) die("memfd");
        send_with(manager, unescaped(argv[3]), memfd);
    } else if (argc == 4 && !strcmp(argv[1], "--burst")) {
        char text[512];
        for (long i = 1, count = atol(argv[2]); i <= count; ++i) {
            snprintf(text, sizeof text, "%s %ld", argv[3], i);
            send_with(manager, text, -1);
        }
    } else if (argc == 3 && !strcmp(argv[1], "--monotonic")) {
        char text[512];
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(text, sizeof text, "%s\nMONOTONIC_USEC=%lld", unescaped(argv[2]),
                 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        send_with(manager, text, -1);
    } else if (argc == 2) {
        send_with(manager, unescaped(argv[1]), -1);
    } else {
        fputs("usage: say [--memfd WORDS | --burst COUNT | --monotonic] TEXT | say --barrier\n", stderr);
        return 2;
    }
    return 0;
}
