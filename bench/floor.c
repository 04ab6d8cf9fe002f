/* floor CONFIG ROOTFS [FILTER] [PROGRAM ARGUMENT...]: see floor.h. CONFIG is `default` (what `runc spec`
 * writes) or `docker` (which needs FILTER, a file of struct sock_filter). PROGRAM is /bin/stamp when absent.
 * Needs root. */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAP(n) (UINT64_C(1) << (n))

static const char* const default_environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", "HOME=/", NULL};
static const char* const docker_environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=abc", "HOME=/", NULL};
static const struct device_rule no_devices[] = {{0, 0}};
static const struct device_rule docker_devices[] = {{5, 1}, {0, 0}};
static const struct sysctl_setting no_sysctls[] = {{NULL, NULL}};
static const struct sysctl_setting docker_sysctls[] = {{"net/ipv4/ip_unprivileged_port_start", "0"},
                                                       {"net/ipv4/ping_group_range", "0 2147483647"},
                                                       {NULL, NULL}};

static const struct config default_config = {
    .name = "default",
    .hostname = "runc",
    .readonly_root = true,
    .capabilities = CAP(29) | CAP(10) | CAP(5), /* audit_write, net_bind_service, kill */
    .open_files = 1024,
    .devices = no_devices,
    .sysctls = no_sysctls,
    .environment = default_environment,
};
static const struct config docker_config = {
    .name = "docker",
    .hostname = "abc",
    .cgroup_namespace = true,
    .hardened_proc = true,
    .capabilities = UINT64_C(0xa80425fb), /* docker's fourteen */
    .oom_score_adj = "0",
    .memory_bytes = "268435456",
    .cpu_shares = "512",
    .cpu_quota_us = "100000",
    .cpu_period_us = "100000",
    .cpu_weight = "20",
    .pids_max = "512",
    .devices = docker_devices,
    .sysctls = docker_sysctls,
    .environment = docker_environment,
};

struct job {
    const struct config* config;
    const char* rootfs;
    char** arguments;
    struct cgroup cgroup;
    struct sock_fprog filter;
};

static struct sock_filter filter_instructions[BPF_MAXINSNS];
static char child_stack[64 * 1024] __attribute__((aligned(16)));

_Noreturn void die(const char* step, const char* object) {
    dprintf(2, "floor: %s: %s: %s\n", step, object, strerror(errno));
    _exit(127);
}

void write_file(int directory, const char* path, const char* value) {
    int fd = openat(directory, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) die("open", path);
    if (write(fd, value, strlen(value)) < 0) die("write", path);
    close(fd);
}

static void read_filter(struct sock_fprog* filter, const char* path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) die("open", path);
    ssize_t size = read(fd, filter_instructions, sizeof filter_instructions);
    if (size <= 0) die("read", path);
    close(fd);
    filter->len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
    filter->filter = filter_instructions;
}

static void child(void* argument) {
    struct job* job = argument;
    const struct config* config = job->config;
    if (!job->cgroup.is_v2) cgroup_join_v1(&job->cgroup);
    /* Not a flag of clone3: that would root the namespace at the parent's cgroup, where the caller still is.
     */
    if (config->cgroup_namespace && unshare(CLONE_NEWCGROUP) < 0) die("unshare", "cgroup");
    if (setsid() < 0) die("setsid", "");
    loopback_up();
    enter_root(job->rootfs, &job->cgroup, config);
    become_container(config);
    if (job->filter.len != 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &job->filter) < 0)
        die("seccomp", "filter");
    execve(job->arguments[0], job->arguments, (char* const*)(uintptr_t)config->environment);
    die("execve", job->arguments[0]);
}

/* clone3 with a stack of the child's own, which the C library does not offer. CLONE_VM: no page tables are
 * copied; CLONE_VFORK: the parent has nothing to do before the child executes, and must not touch their
 * memory until then. */
static pid_t clone_child(struct clone_args* args, void (*entry)(void*), void* argument) {
    args->flags |= CLONE_VM | CLONE_VFORK;
    args->stack = (uint64_t)(uintptr_t)child_stack;
    args->stack_size = sizeof child_stack;
#if defined(__x86_64__)
    long result;
    __asm__ volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "mov %[argument], %%rdi\n\t"
        "call *%[entry]\n\t"
        "hlt\n"
        "1:"
        : "=a"(result)
        : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), [entry] "r"(entry), [argument] "r"(argument)
        : "rcx", "r11", "memory", "cc");
#elif defined(__aarch64__)
    register long result __asm__("x0") = (long)args;
    register long size __asm__("x1") = (long)sizeof *args;
    register long number __asm__("x8") = SYS_clone3;
    __asm__ volatile(
        "svc #0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x0, %[argument]\n\t"
        "blr %[entry]\n\t"
        "brk #0\n"
        "1:"
        : "+r"(result)
        : "r"(size), "r"(number), [entry] "r"(entry), [argument] "r"(argument)
        : "memory", "cc", "x30");
#else
#error "say here how a child is started on a stack of its own"
#endif
    if (result < 0) {
        errno = (int)-result;
        die("clone3", "child");
    }
    return (pid_t)result;
}

int main(int argc, char** argv) {
    static char stamp_path[] = "/bin/stamp";
    static char* stamp[] = {stamp_path, NULL};
    static struct job job;
    if (argc >= 3 && strcmp(argv[1], "default") == 0) job.config = &default_config;
    if (argc >= 4 && strcmp(argv[1], "docker") == 0) job.config = &docker_config;
    if (job.config == NULL) {
        dprintf(2, "usage: floor default ROOTFS [PROGRAM...] | floor docker ROOTFS FILTER [PROGRAM...]\n");
        return 2;
    }
    int program = 3;
    job.rootfs = argv[2];
    if (job.config == &docker_config) read_filter(&job.filter, argv[program++]);
    job.arguments = program < argc ? argv + program : stamp;

    cgroup_create(&job.cgroup, job.config);
    struct clone_args args = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC,
        .exit_signal = SIGCHLD,
    };
    if (job.cgroup.is_v2) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)job.cgroup.directories[0];
    }
    pid_t pid = clone_child(&args, child, &job);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) die("waitpid", "child");
    cgroup_remove(&job.cgroup);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
