/* The floor: the least work that gives a program the isolation of one given configuration on this kernel.
 *
 * One static C program, one configuration compiled in, no JSON, no state, no logging, no checks of strangers'
 * paths. What a runtime takes longer than this is its own cost; what this takes is the kernel's.
 *
 *     floor.c           parent: cgroup, clone3, wait, remove the cgroup     (floor_cgroup.c)
 *       \-- child       born in the namespaces, shares the parent's memory until it executes
 *             cgroup (v1) -> network -> mounts -> pivot -> identity -> capabilities -> filter -> exec
 *                                       (floor_mount.c)   (floor_process.c)
 *
 * The end state must be a runtime's end state: tests/bench/floor_test.cpp runs the same probe under runc,
 * under crun and here, and compares mounts, devices, capabilities, namespaces, limits and cgroups. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sysctl_setting {
    const char* path; /* below /proc/sys */
    const char* value;
};

struct device_rule {
    unsigned major;
    int minor; /* -1: all */
};

/* What differs between the two configurations. NULL and 0 mean "not asked for". */
struct config {
    const char* name;
    const char* hostname;
    bool readonly_root;
    bool cgroup_namespace;
    bool hardened_proc; /* /proc is nosuid, nodev, noexec */
    uint64_t capabilities;
    unsigned open_files; /* RLIMIT_NOFILE */
    const char* oom_score_adj;
    const char* memory_bytes;
    const char* cpu_shares;
    const char* cpu_quota_us;
    const char* cpu_period_us;
    const char* cpu_weight; /* the v2 spelling of cpu_shares */
    const char* pids_max;
    const struct device_rule* devices; /* besides the default devices; ends with major 0 */
    const struct sysctl_setting* sysctls;
    const char* const* environment;
};

enum { kHierarchiesMax = 24, kPathMax = 320 };

/* Where the container's cgroups are. v2: one hierarchy; v1: one a mounted hierarchy. */
struct cgroup {
    bool is_v2;
    unsigned count;
    int directories[kHierarchiesMax]; /* the new cgroup in each hierarchy */
    char names[kHierarchiesMax][64];  /* "memory", "cpu,cpuacct"; unused on v2 */
    char self[48];                    /* the new cgroup's name */
};

/* Prints `floor: step: object: errno text` and ends this process with status 127. */
_Noreturn void die(const char* step, const char* object);

/* Opens, writes with one write, closes. Dies on any failure. */
void write_file(int directory, const char* path, const char* value);

/* floor_cgroup.c */
void cgroup_create(struct cgroup* cgroup, const struct config* config);
void cgroup_join_v1(const struct cgroup* cgroup); /* called by the child, for itself */
void cgroup_remove(struct cgroup* cgroup);

/* floor_mount.c: after this the process is in the container's root. */
void enter_root(const char* rootfs, const struct cgroup* cgroup, const struct config* config);

/* floor_process.c */
void loopback_up(void);
void become_container(const struct config* config);
