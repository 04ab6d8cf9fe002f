/* What belongs to the process itself: loopback, names, limits, keyring, identity, capabilities. */
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "floor.h"

enum {
    kLastCapability = 40
}; /* PR_CAPBSET_DROP answers EINVAL above the kernel's own last one; that is the end. */

void loopback_up(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) die("socket", "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0) die("SIOCSIFFLAGS", "lo");
    close(socket_fd);
}

static void set_capabilities(uint64_t wanted) {
    for (unsigned i = 0; i < 64; i++) {
        if (((wanted >> i) & 1) != 0) continue;
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
            if (i > kLastCapability) break;
            die("prctl", "PR_CAPBSET_DROP");
        }
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)wanted, .permitted = (uint32_t)wanted},
        {.effective = (uint32_t)(wanted >> 32), .permitted = (uint32_t)(wanted >> 32)},
    };
    if (syscall(SYS_capset, &header, data) < 0) die("capset", "");
}

void become_container(const struct config* config) {
    if (sethostname(config->hostname, strlen(config->hostname)) < 0) die("sethostname", config->hostname);
    if (config->open_files != 0) {
        struct rlimit limit = {config->open_files, config->open_files};
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) die("setrlimit", "RLIMIT_NOFILE");
    }
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, config->name, 0, 0, 0) < 0)
        die("keyctl", "session keyring");
    umask(022);
    if (setgroups(0, NULL) < 0) die("setgroups", "");
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) die("setresuid", "0");
    set_capabilities(config->capabilities);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) die("prctl", "PR_SET_NO_NEW_PRIVS");
    /* Nothing above standard error crosses into the container, whatever the caller left open. */
    if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) < 0) die("close_range", "3-");
}
