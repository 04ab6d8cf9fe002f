/* The container's cgroup: made and limited before the child is born, removed after it was reaped.
 *
 * v2: the child is born in it (CLONE_INTO_CGROUP), device rules are one BPF program.
 * v1: the child writes "0" to each `tasks` file. A thread that moves itself needs no lock over all thread
 * groups; writing a pid to cgroup.procs takes that lock and waits for an RCU grace period (10 ms on an idle
 * machine). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "floor.h"

static const char cgroup_root[] = "/sys/fs/cgroup";

/* What every runtime allows without being asked: null, zero, full, random, urandom, tty, ptmx, pts/N. */
static const struct device_rule default_devices[] = {{1, 3}, {1, 5}, {1, 7},    {1, 8}, {1, 9},
                                                     {5, 0}, {5, 2}, {136, -1}, {0, 0}};

/* ---- v2
 * ---------------------------------------------------------------------------------------------------- */

enum { kInstructionsMax = 64 };
struct program {
    struct bpf_insn code[kInstructionsMax];
    unsigned size;
};

static void emit(struct program* program, int code, int destination, int source, int offset, int immediate) {
    struct bpf_insn* instruction = &program->code[program->size++];
    instruction->code = (uint8_t)code;
    instruction->dst_reg = (uint8_t)(destination & 15);
    instruction->src_reg = (uint8_t)(source & 15);
    instruction->off = (int16_t)offset;
    instruction->imm = immediate;
}

static void emit_return(struct program* program, int value) {
    emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
    emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_rules(struct program* program, const struct device_rule* rules) {
    for (; rules->major != 0; rules++) {
        int skip = rules->minor < 0 ? 2 : 3;
        emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, skip, (int)rules->major);
        if (rules->minor >= 0) emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 2, rules->minor);
        emit_return(program, 1);
    }
}

/* bpf_cgroup_dev_ctx: access_type (low half: type, high half: access), major, minor. */
static void attach_device_program(int cgroup, const struct config* config) {
    struct program program = {.size = 0};
    emit(&program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
    emit(&program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
    emit(&program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
    emit(&program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
    emit(&program, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
    emit(&program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
    /* mknod of anything is harmless without read and write. */
    emit(&program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_3, 0, 2, BPF_DEVCG_ACC_MKNOD);
    emit_return(&program, 1);
    emit(&program, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_2, 0, 2, BPF_DEVCG_DEV_CHAR);
    emit_return(&program, 0);
    emit_rules(&program, default_devices);
    emit_rules(&program, config->devices);
    emit_return(&program, 0);

    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE};
    load.insns = (uint64_t)(uintptr_t)program.code;
    load.insn_cnt = program.size;
    load.license = (uint64_t)(uintptr_t) "GPL";
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    if (fd < 0) die("bpf", "load the device program");
    union bpf_attr attach = {.attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI};
    attach.target_fd = (uint32_t)cgroup;
    attach.attach_bpf_fd = (uint32_t)fd;
    if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) < 0)
        die("bpf", "attach the device program");
    close(fd);
}

/* A limit whose controller is not delegated to this cgroup has no file; that is what "permitted" means here.
 */
static void write_limit(int directory, const char* path, const char* value) {
    if (value == NULL) return;
    int fd = openat(directory, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return;
    if (fd < 0 || write(fd, value, strlen(value)) < 0) die("write", path);
    close(fd);
}

static void create_v2(struct cgroup* cgroup, const struct config* config) {
    char path[kPathMax];
    snprintf(path, sizeof path, "%s/%s", cgroup_root, cgroup->self);
    if (mkdir(path, 0755) < 0) die("mkdir", path);
    int directory = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (directory < 0) die("open", path);
    cgroup->directories[0] = directory;
    cgroup->count = 1;
    write_limit(directory, "memory.max", config->memory_bytes);
    write_limit(directory, "pids.max", config->pids_max);
    write_limit(directory, "cpu.weight", config->cpu_weight);
    if (config->cpu_quota_us != NULL) {
        char quota[64];
        snprintf(quota, sizeof quota, "%s %s", config->cpu_quota_us, config->cpu_period_us);
        write_limit(directory, "cpu.max", quota);
    }
    attach_device_program(directory, config);
}

/* ---- v1
 * ---------------------------------------------------------------------------------------------------- */

static void allow_devices(int directory, const struct device_rule* rules) {
    for (; rules->major != 0; rules++) {
        char line[64];
        if (rules->minor < 0)
            snprintf(line, sizeof line, "c %u:* rwm", rules->major);
        else
            snprintf(line, sizeof line, "c %u:%d rwm", rules->major, rules->minor);
        write_file(directory, "devices.allow", line);
    }
}

/* A new cpuset is empty, and an empty one takes no task. */
static void inherit_cpuset(int parent, int directory, const char* file) {
    char value[512];
    int fd = openat(parent, file, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, value, sizeof value - 1);
    if (size < 0) die("read", file);
    close(fd);
    value[size] = '\0';
    write_file(directory, file, value);
}

static void limit_v1(const char* hierarchy, int parent, int directory, const struct config* config) {
    if (strcmp(hierarchy, "memory") == 0) {
        write_limit(directory, "memory.limit_in_bytes", config->memory_bytes);
    } else if (strcmp(hierarchy, "cpu") == 0 || strcmp(hierarchy, "cpu,cpuacct") == 0) {
        write_limit(directory, "cpu.shares", config->cpu_shares);
        write_limit(directory, "cpu.cfs_period_us", config->cpu_period_us);
        write_limit(directory, "cpu.cfs_quota_us", config->cpu_quota_us);
    } else if (strcmp(hierarchy, "pids") == 0) {
        write_limit(directory, "pids.max", config->pids_max);
    } else if (strcmp(hierarchy, "cpuset") == 0) {
        inherit_cpuset(parent, directory, "cpuset.cpus");
        inherit_cpuset(parent, directory, "cpuset.mems");
    } else if (strcmp(hierarchy, "devices") == 0) {
        write_file(directory, "devices.deny", "a");
        write_file(directory, "devices.allow", "c *:* m");
        write_file(directory, "devices.allow", "b *:* m");
        allow_devices(directory, default_devices);
        allow_devices(directory, config->devices);
    }
}

static void create_v1(struct cgroup* cgroup, const struct config* config) {
    DIR* list = opendir(cgroup_root);
    if (list == NULL) die("open", cgroup_root);
    /* The symbolic links beside the directories are second names of joint hierarchies. */
    for (struct dirent* entry; (entry = readdir(list)) != NULL;) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || strcmp(entry->d_name, "unified") == 0)
            continue;
        if (cgroup->count == kHierarchiesMax || strlen(entry->d_name) >= sizeof cgroup->names[0]) continue;
        int parent = openat(dirfd(list), entry->d_name, O_DIRECTORY | O_PATH | O_CLOEXEC);
        if (parent < 0) die("open", entry->d_name);
        if (mkdirat(parent, cgroup->self, 0755) < 0) die("mkdir", entry->d_name);
        int directory = openat(parent, cgroup->self, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (directory < 0) die("open", entry->d_name);
        limit_v1(entry->d_name, parent, directory, config);
        close(parent);
        strcpy(cgroup->names[cgroup->count], entry->d_name);
        cgroup->directories[cgroup->count++] = directory;
    }
    closedir(list);
}

void cgroup_join_v1(const struct cgroup* cgroup) {
    for (unsigned i = 0; i < cgroup->count; i++) write_file(cgroup->directories[i], "tasks", "0");
}

/* ---- both
 * -------------------------------------------------------------------------------------------------- */

void cgroup_create(struct cgroup* cgroup, const struct config* config) {
    struct statfs filesystem;
    if (statfs(cgroup_root, &filesystem) < 0) die("statfs", cgroup_root);
    cgroup->is_v2 = filesystem.f_type == CGROUP2_SUPER_MAGIC;
    snprintf(cgroup->self, sizeof cgroup->self, "floor-%d", getpid());
    if (cgroup->is_v2)
        create_v2(cgroup, config);
    else
        create_v1(cgroup, config);
}

void cgroup_remove(struct cgroup* cgroup) {
    for (unsigned i = 0; i < cgroup->count; i++) {
        char path[kPathMax];
        snprintf(path, sizeof path, "%s/%s%s%s", cgroup_root, cgroup->is_v2 ? "" : cgroup->names[i],
                 cgroup->is_v2 ? "" : "/", cgroup->self);
        /* EBUSY: the last task has been reaped but is not yet out of the cgroup. */
        for (int tries = 0; rmdir(path) < 0; tries++) {
            if (errno != EBUSY || tries == 1000) die("rmdir", path);
            usleep(100);
        }
    }
}
