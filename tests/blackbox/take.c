// A program that is handed listening sockets (sd_listen_fds(3)), for the tests: static, so that it runs from
// any rootfs.
//   take NUMBER        accepts on descriptor NUMBER, says to each client what it was told, and ends it
//   take NUMBER ONCE   the same for one client
// What it was told: LISTEN_PID ("own" or "other"), LISTEN_FDS, LISTEN_FDNAMES, and which of 3 to 9 are open.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char* variable(const char* name) {
    const char* value = getenv(name);
    return value ? value : "none";
}

int main(int argc, char** argv) {
    char open[8] = "";
    for (int fd = 3; fd < 10; ++fd)
        if (fcntl(fd, F_GETFD) >= 0) open[strlen(open)] = (char)('0' + fd);
    const char* pid = variable("LISTEN_PID");
    char text[512];
    int size = snprintf(text, sizeof text, "%s %s %s %s\n", atoi(pid) == getpid() ? "own" : "other",
                        variable("LISTEN_FDS"), variable("LISTEN_FDNAMES"), open);
    int listener = argc > 1 ? atoi(argv[1]) : 3;
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            perror("take: accept");
            return 1;
        }
        if (write(client, text, (size_t)size) != size) return 1;
        close(client);
        if (argc > 2) return 0;
    }
}
