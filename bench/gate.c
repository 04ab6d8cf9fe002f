/* The programs' side of bench/gate.h: two fifos to wait at, one to say where the program is. */
#include "gate_program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_in(const char* directory, const char* name, int flags) {
    char path[4096];
    const int size = snprintf(path, sizeof path, "%s/%s", directory, name);
    const int fd = size > 0 && (size_t)size < sizeof path ? open(path, flags | O_CLOEXEC) : -1;
    if (fd < 0) {
        perror(path);
        exit(2);
    }
    return fd;
}

struct gate gate_open(const char* directory) {
    struct gate gate;
    gate.go = open_in(directory, "go", O_RDONLY);
    gate.end = open_in(directory, "end", O_RDONLY);
    gate.up = open_in(directory, "up", O_WRONLY);
    return gate;
}

void gate_say(const struct gate* gate, char word) {
    if (write(gate->up, &word, 1) != 1) exit(2);
}

void gate_wait(int fifo) {
    char ignored;
    while (read(fifo, &ignored, 1) > 0) {
    }
}
