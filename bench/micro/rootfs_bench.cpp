// The phases of core/child/rootfs.h, in microseconds, for a configuration like docker's.
//
// Each iteration clones a child with new namespaces; the child reads the clock between the phases and leaves
// the times in shared memory. The iteration's own time is the sum of the phases, without clone and exit; the
// counters are medians. Needs root.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "core/child/devices.h"
#include "core/child/masks.h"
#include "core/child/mounts.h"
#include "core/child/pivot.h"
#include "core/child/rootfs.h"
#include "core/spec/parse.h"
#include "uring/file.h"

namespace {

using namespace urc;
using namespace urc::child;

constexpr std::array kPhases = {"root", "mounts", "devices", "sysctl", "pivot", "masks"};

struct Times {
    std::array<double, kPhases.size()> us;
    bool is_complete;
};

double now_us() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void child(RootfsPlan& plan, const spec::Spec& spec, Times& times) {
    ::umask(0);
    std::size_t phase = 0;
    double begin = now_us();
    auto done = [&](Result<void> result) {
        double end = now_us();
        if (!result.ok()) {
            std::string text = result.error().text() + "\n";
            (void)!::write(2, text.data(), text.size());
            ::_exit(1);
        }
        times.us[phase++] = end - begin;
        begin = now_us();
    };
    done([&]() -> Result<void> {
        URC_TRY_VOID(attach_root(plan));
        return open_null(plan);
    }());
    done(make_mounts(plan));
    done(make_devices(plan));
    done(write_sysctls(plan, spec.linux.sysctl));
    done(pivot(plan));
    done(finish_rootfs(plan));
    times.is_complete = true;
    ::_exit(0);
}

std::string make_bundle() {
    std::string bundle = "/tmp/urc-bench-XXXXXX";
    if (!::mkdtemp(bundle.data())) return {};
    for (const char* name : {"proc", "sys", "dev", "etc", "tmp", "bin"})
        std::filesystem::create_directories(bundle + "/rootfs/" + name);
    return bundle;
}

void prepare_docker_like(benchmark::State& state) {
    if (::geteuid() != 0) return state.SkipWithError("needs root");
    auto text = read_file_at(AT_FDCWD, URC_SOURCE_DIR "/tests/data/docker-like-config.json");
    if (!text.ok()) return state.SkipWithError(text.error().text().c_str());
    auto spec = parse_spec(std::move(*text));
    if (!spec.ok()) return state.SkipWithError(spec.error().text().c_str());
    std::string bundle = make_bundle();
    RootfsOptions options;
    options.bundle = bundle;
    // As on a cgroup v2 host; what it costs on v1 depends on the number of hierarchies.
    options.is_cgroup_v2 = true;

    auto* times = static_cast<Times*>(
        ::mmap(nullptr, sizeof(Times), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    std::array<std::vector<double>, kPhases.size()> samples;
    for (auto _ : state) {
        auto plan = plan_rootfs(*spec, options);
        if (!plan.ok()) return state.SkipWithError(plan.error().text().c_str());
        *times = {};
        constexpr unsigned long kNew =
            CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
        auto pid = static_cast<pid_t>(::syscall(SYS_clone, kNew | SIGCHLD, 0, 0, 0, 0));
        if (pid == 0) child(*plan, *spec, *times);
        int status = 0;
        ::waitpid(pid, &status, 0);
        if (!times->is_complete) {
            state.SkipWithError("the child failed");
            break;
        }
        double sum = 0;
        for (std::size_t i = 0; i < kPhases.size(); ++i) {
            samples[i].push_back(times->us[i]);
            sum += times->us[i];
        }
        state.SetIterationTime(sum / 1e6);
    }
    for (std::size_t i = 0; i < kPhases.size() && !samples[i].empty(); ++i) {
        auto middle = samples[i].begin() + static_cast<std::ptrdiff_t>(samples[i].size() / 2);
        std::nth_element(samples[i].begin(), middle, samples[i].end());
        state.counters[kPhases[i]] = *middle;
    }
    ::munmap(times, sizeof(Times));
    std::error_code ignored;
    std::filesystem::remove_all(bundle, ignored);
}
BENCHMARK(prepare_docker_like)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(1000);

void plan_docker_like(benchmark::State& state) {
    auto text = read_file_at(AT_FDCWD, URC_SOURCE_DIR "/tests/data/docker-like-config.json");
    if (!text.ok()) return state.SkipWithError(text.error().text().c_str());
    auto spec = parse_spec(std::move(*text));
    if (!spec.ok()) return state.SkipWithError(spec.error().text().c_str());
    std::string bundle = make_bundle();
    RootfsOptions options;
    options.bundle = bundle;
    for (auto _ : state) {
        auto plan = plan_rootfs(*spec, options);
        benchmark::DoNotOptimize(plan);
    }
    std::error_code ignored;
    std::filesystem::remove_all(bundle, ignored);
}
BENCHMARK(plan_docker_like)->Unit(benchmark::kMicrosecond);

}  // namespace
