/* A preloaded setrlimit that says yes to RLIMIT_MEMLOCK without asking the kernel.
 *
 * crun raises that limit before it loads its device program and gives up when it may not. Since Linux 5.11
 * BPF memory is charged to the cgroup and the limit no longer matters, but raising it still needs
 * CAP_SYS_RESOURCE, which root has not everywhere (in a container, in some virtual machines). Rows measured
 * with this say so in the table. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int setrlimit(__rlimit_resource_t resource, const struct rlimit* limit) {
    if (resource == RLIMIT_MEMLOCK) return 0;
    return (int)syscall(SYS_prlimit64, 0, resource, limit, (struct rlimit*)0);
}
