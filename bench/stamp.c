/* stamp: writes CLOCK_MONOTONIC, read at its first instruction, to standard output as eight bytes
 * (nanoseconds, host byte order) and exits with 0.
 *
 * No C library where the architecture's few instructions are known: a static glibc start costs 80 us more,
 * and that would be added to every row of a table of ratios. */
#if defined(__x86_64__) || defined(__aarch64__)
#include <linux/time.h>
#include <sys/syscall.h>

static long call3(long number, long a, long b, long c) {
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

__attribute__((noreturn)) void _start(void);
void _start(void) {
    struct __kernel_timespec now;
    call3(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0);
    long long nanoseconds = now.tv_sec * 1000000000LL + now.tv_nsec;
    long written = call3(SYS_write, 1, (long)&nanoseconds, sizeof nanoseconds);
    for (;;) call3(SYS_exit_group, written != sizeof nanoseconds, 0, 0);
}
#else
#error "stamp.c: add the system call instruction of this architecture"
#endif
