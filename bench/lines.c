/* lines: writes numbered lines to standard output, as bench/line_log.h describes and checks them.
 *
 *   lines DIRECTORY COUNT SIZE block          as fast as it can, as many whole lines a write as 64 KiB hold
 *   lines DIRECTORY COUNT SIZE line [PER_S]   one write a line; PER_S lines a second, or as fast as it can
 *
 * DIRECTORY has the fifos of bench/gate.h: the program says when it is there, begins when it is let go, says
 * when its last write has returned, and stays until it is let out, so that its monitor can be looked at. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gate_program.h"

enum { kBlock = 64 << 10, kDigits = 10, kSizeMin = kDigits + 2, kSizeMax = 1 << 20 };

static void put_number(char* end, unsigned long number) {
    for (int i = 0; i < kDigits; ++i) {
        *--end = (char)('0' + number % 10);
        number /= 10;
    }
}

static void write_whole(const char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) exit(3);
        bytes += written;
        size -= (size_t)written;
    }
}

/* Against the clock as it began: a line that was held up does not move those after it. */
static void pause_until(const struct timespec* begun, unsigned long number, unsigned long per_s) {
    struct timespec due = *begun;
    due.tv_sec += (time_t)(number / per_s);
    due.tv_nsec += (long)(number % per_s * 1000000000UL / per_s);
    if (due.tv_nsec >= 1000000000L) {
        due.tv_nsec -= 1000000000L;
        ++due.tv_sec;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR) {
    }
}

static void write_lines(unsigned long count, size_t size, int is_block, unsigned long per_s) {
    const size_t held = is_block && size < kBlock ? kBlock / size : 1;
    char* block = malloc(held * size);
    if (block == NULL) exit(2);
    for (size_t i = 0; i < held * size; ++i) block[i] = (char)('a' + i % size % 26);
    for (size_t i = 1; i <= held; ++i) block[i * size - 1] = '\n';
    struct timespec begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (unsigned long number = 0; number < count;) {
        const unsigned long left = count - number;
        const size_t now = left < held ? left : held;
        for (size_t i = 1; i <= now; ++i) put_number(block + i * size - 1, number++);
        if (per_s > 0) pause_until(&begun, number - 1, per_s);
        write_whole(block, now * size);
    }
    free(block);
}

int main(int argc, char** argv) {
    if (argc < 5 || argc > 6) return 2;
    const unsigned long count = strtoul(argv[2], NULL, 10);
    const unsigned long size = strtoul(argv[3], NULL, 10);
    const int is_block = strcmp(argv[4], "block") == 0;
    const unsigned long per_s = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
    if (count == 0 || size < kSizeMin || size > kSizeMax) return 2;
    const struct gate gate = gate_open(argv[1]);
    gate_say(&gate, 'u');
    gate_wait(gate.go);
    write_lines(count, size, is_block, per_s);
    gate_say(&gate, 'd');
    gate_wait(gate.end);
    return 0;
}
