/* copy: standard input to standard output, 64 KiB a read(2), all of it a write(2): the least that a relay
 * into a file can do without looking at the bytes. The floor of `urc-bench relay`. */
#include <errno.h>
#include <unistd.h>

static char buffer[64 << 10];

int main(void) {
    for (;;) {
        const ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
        if (size == 0) return 0;
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return 1;
        for (ssize_t done = 0; done < size;) {
            const ssize_t written = write(STDOUT_FILENO, buffer + done, (size_t)(size - done));
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return 1;
            done += written;
        }
    }
}
