/* The container's file tree, by the new mount API: fsopen and open_tree make a detached mount, move_mount
 * puts it in place by descriptor. The floor trusts its rootfs (it was made a moment ago by the harness), so
 * paths are plain. */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "floor.h"

enum {
    kHard = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
    kReadOnly = MOUNT_ATTR_RDONLY,
};

/* `options`: key, value (NULL for a flag), ..., NULL. */
static int new_mount(const char* type, const char* source, const char* const* options, unsigned attributes) {
    int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (context < 0) die("fsopen", type);
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        die("fsconfig", "source");
    for (; options != NULL && options[0] != NULL; options += 2) {
        int command = options[1] == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
        if (syscall(SYS_fsconfig, context, command, options[0], options[1], 0) < 0)
            die("fsconfig", options[0]);
    }
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) die("fsconfig", type);
    int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
    if (mount < 0) die("fsmount", type);
    close(context);
    return mount;
}

static int clone_tree(int directory, const char* path, unsigned flags, uint64_t attributes) {
    int tree = (int)syscall(SYS_open_tree, directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
    if (tree < 0) die("open_tree", path);
    struct mount_attr change = {.attr_set = attributes};
    if (attributes != 0 && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &change, sizeof change) < 0)
        die("mount_setattr", path);
    return tree;
}

static void attach(int mount, int directory, const char* path) {
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (path[0] == '\0' ? MOVE_MOUNT_T_EMPTY_PATH : 0);
    if (syscall(SYS_move_mount, mount, "", directory, path, flags) < 0) die("move_mount", path);
}

static void attach_and_close(int mount, int directory, const char* path) {
    attach(mount, directory, path);
    close(mount);
}

static void make_devices(int dev) {
    static const struct {
        const char* name;
        unsigned major, minor;
    } nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                 {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
    static const char* const links[][2] = {{"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"},
                                           {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
                                           {"/proc/kcore", "core"},       {"pts/ptmx", "ptmx"}};
    mode_t mask = umask(0);
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        if (mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0)
            die("mknod", nodes[i].name);
    umask(mask);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        if (symlinkat(links[i][0], dev, links[i][1]) < 0) die("symlink", links[i][1]);
}

static void mount_dev(int root) {
    static const char* const dev_options[] = {"mode", "755", "size", "65536k", NULL};
    static const char* const pts_options[] = {"newinstance", NULL,  "ptmxmode", "0666", "mode",
                                              "0620",        "gid", "5",        NULL};
    static const char* const shm_options[] = {"mode", "1777", "size", "65536k", NULL};
    int dev = new_mount("tmpfs", "tmpfs", dev_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
    attach(dev, root, "dev");
    make_devices(dev);
    if (mkdirat(dev, "pts", 0755) < 0 || mkdirat(dev, "shm", 0755) < 0 || mkdirat(dev, "mqueue", 0755) < 0)
        die("mkdir", "/dev");
    attach_and_close(new_mount("devpts", "devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), dev,
                     "pts");
    attach_and_close(new_mount("tmpfs", "shm", shm_options, kHard), dev, "shm");
    attach_and_close(new_mount("mqueue", "mqueue", NULL, kHard), dev, "mqueue");
    close(dev);
}

/* v2: the container's own cgroup. v1: a tmpfs that holds the container's own cgroup of every hierarchy. */
static void mount_cgroups(int root, const struct cgroup* cgroup) {
    char path[kPathMax];
    if (cgroup->is_v2) {
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s", cgroup->self);
        attach_and_close(clone_tree(AT_FDCWD, path, 0, kHard | kReadOnly), root, "sys/fs/cgroup");
        return;
    }
    static const char* const options[] = {"mode", "755", NULL};
    int holder = new_mount("tmpfs", "tmpfs", options, kHard);
    attach(holder, root, "sys/fs/cgroup");
    for (unsigned i = 0; i < cgroup->count; i++) {
        if (mkdirat(holder, cgroup->names[i], 0755) < 0) die("mkdir", cgroup->names[i]);
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s/%s", cgroup->names[i], cgroup->self);
        attach_and_close(clone_tree(AT_FDCWD, path, 0, kHard | kReadOnly), holder, cgroup->names[i]);
        /* Each half of a joint hierarchy is known by its own name too. */
        for (char *rest = strchr(cgroup->names[i], ','), *name = (char*)(uintptr_t)cgroup->names[i];
             rest != NULL;) {
            char half[64];
            snprintf(half, sizeof half, "%.*s", (int)(rest - name), name);
            symlinkat(cgroup->names[i], holder, half);
            if (*rest == '\0') break;
            name = rest + 1;
            rest = strchr(name, ',') != NULL ? strchr(name, ',') : name + strlen(name);
        }
    }
    close(holder);
}

/* A masked directory is an empty read-only tmpfs, a masked file is /dev/null; what does not exist needs no
 * mask. */
static void mask_paths(int root) {
    static const char* const paths[] = {
        "proc/asound",     "proc/acpi",        "proc/kcore",       "proc/keys", "proc/latency_stats",
        "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "proc/scsi", "sys/firmware"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct stat target;
        int fd = openat(root, paths[i], O_PATH | O_CLOEXEC);
        if (fd < 0) continue;
        if (fstat(fd, &target) < 0) die("fstat", paths[i]);
        if (S_ISDIR(target.st_mode))
            attach_and_close(new_mount("tmpfs", "tmpfs", NULL, kReadOnly), fd, "");
        else
            attach_and_close(clone_tree(root, "dev/null", 0, 0), fd, "");
        close(fd);
    }
}

static void make_readonly(int root, uint64_t attributes) {
    static const char* const paths[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int fd = openat(root, paths[i], O_PATH | O_CLOEXEC);
        if (fd < 0) continue;
        attach_and_close(clone_tree(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes | kReadOnly), fd, "");
        close(fd);
    }
}

static void write_kernel_settings(int proc, const struct config* config) {
    for (const struct sysctl_setting* setting = config->sysctls; setting->path != NULL; setting++) {
        char path[kPathMax];
        snprintf(path, sizeof path, "sys/%s", setting->path);
        write_file(proc, path, setting->value);
    }
    if (config->oom_score_adj != NULL) write_file(proc, "self/oom_score_adj", config->oom_score_adj);
}

void enter_root(const char* rootfs, const struct cgroup* cgroup, const struct config* config) {
    struct mount_attr no_propagation = {.propagation = MS_PRIVATE};
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &no_propagation, sizeof no_propagation) < 0)
        die("mount_setattr", "/");
    int root = clone_tree(AT_FDCWD, rootfs, AT_RECURSIVE, config->readonly_root ? kReadOnly : 0);
    attach(root, AT_FDCWD, rootfs);

    unsigned proc_attributes = config->hardened_proc ? kHard : 0;
    int proc = new_mount("proc", "proc", NULL, proc_attributes);
    attach(proc, root, "proc");
    mount_dev(root);
    attach_and_close(new_mount("sysfs", "sysfs", NULL, kHard | kReadOnly), root, "sys");
    mount_cgroups(root, cgroup);
    write_kernel_settings(proc, config);
    close(proc);
    make_readonly(root, proc_attributes);
    mask_paths(root);

    /* pivot_root(".", "."): the old root is stacked on the new one and then taken away; no directory is
     * needed. */
    if (fchdir(root) < 0) die("fchdir", rootfs);
    if (syscall(SYS_pivot_root, ".", ".") < 0) die("pivot_root", rootfs);
    if (umount2(".", MNT_DETACH) < 0) die("umount", "old root");
    if (chdir("/") < 0) die("chdir", "/");
    close(root);
}
