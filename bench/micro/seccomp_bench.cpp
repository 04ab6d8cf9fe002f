// Docker's profile through urc's compiler and cache, and through libseccomp; and what loading each filter
// costs. Loading is measured by a forked child (a filter stays for good), which loads it a number of times
// and reports the median.
#include <benchmark/benchmark.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/seccomp/cache.h"
#include "core/seccomp/profile.h"
#include "core/seccomp/seccomp.h"
#include "uring/file.h"

namespace {

using urc::seccomp::compile;
using Filter = std::vector<sock_filter>;

// The text of linux.seccomp, cut out by counting braces: the profile has none inside its strings.
const std::string& section() {
    static const std::string text = [] {
        auto read = urc::read_file_at(AT_FDCWD, URC_SOURCE_DIR "/tests/data/docker-like-config.json");
        if (!read.ok()) std::abort();
        std::string config = std::move(read).value();
        std::size_t begin = config.find('{', config.find("\"seccomp\""));
        std::size_t end = begin;
        int depth = 0;
        do depth += config[end] == '{' ? 1 : config[end] == '}' ? -1 : 0;
        while (++end < config.size() && depth > 0);
        return config.substr(begin, end - begin);
    }();
    return text;
}

class Root {
public:
    Root() {
        char path[] = "/tmp/urc-seccomp-bench-XXXXXX";
        if (mkdtemp(path) == nullptr) std::abort();
        path_ = path;
        fd_ = std::move(urc::open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY).value());
    }
    ~Root() { std::filesystem::remove_all(path_); }
    int fd() const { return fd_.get(); }

private:
    std::string path_;
    urc::Fd fd_;
};

void BM_Compile(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(compile(section()));
    state.counters["instructions"] = static_cast<double>(compile(section())->instructions.size());
    state.counters["bytes"] = static_cast<double>(section().size());
}
BENCHMARK(BM_Compile)->Unit(benchmark::kMicrosecond);

void BM_CacheHit(benchmark::State& state) {
    Root root;
    if (!urc::seccomp::prepare(section(), root.fd()).ok()) std::abort();
    for (auto _ : state) {
        auto program = urc::seccomp::find_cached(root.fd(), section());
        if (!program) std::abort();
        benchmark::DoNotOptimize(program);
    }
}
BENCHMARK(BM_CacheHit)->Unit(benchmark::kMicrosecond);

// Nothing there: the look, the compilation and the storing.
void BM_CacheMiss(benchmark::State& state) {
    Root root;
    const std::string path = ".cache/seccomp/" + urc::seccomp::cache_name(section());
    for (auto _ : state) {
        benchmark::DoNotOptimize(urc::seccomp::prepare(section(), root.fd()));
        (void)unlinkat(root.fd(), path.c_str(), 0);
    }
}
BENCHMARK(BM_CacheMiss)->Unit(benchmark::kMicrosecond);

// As runc does it. `optimize` is 1 (linear) or 2 (binary tree).
Filter by_libseccomp(std::uint32_t optimize) {
    auto profile = urc::seccomp::parse_profile(section());
    if (!profile.ok()) std::abort();
    std::unique_ptr<void, void (*)(void*)> context(seccomp_init(profile->default_action), seccomp_release);
    (void)seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, optimize);
    for (std::uint32_t token : profile->architectures) (void)seccomp_arch_add(context.get(), token);
    for (const auto& rule : profile->rules) {
        if (rule.says_nothing) continue;
        for (const std::string& name : rule.names) {
            int number = seccomp_syscall_resolve_name(name.c_str());
            if (number == __NR_SCMP_ERROR) continue;
            for (const auto& all : rule.alternatives) {
                std::vector<scmp_arg_cmp> conditions;
                for (const auto& c : all)  // the profile has == and != only
                    conditions.push_back(
                        {c.argument, c.op == urc::seccomp::Op::eq ? SCMP_CMP_EQ : SCMP_CMP_NE, c.datum, 0});
                if (seccomp_rule_add_array(context.get(), rule.action, number,
                                           static_cast<unsigned>(conditions.size()), conditions.data()) != 0)
                    std::abort();
            }
        }
    }
    urc::Fd file(memfd_create("filter", MFD_CLOEXEC));
    if (seccomp_export_bpf(context.get(), file.get()) != 0) std::abort();
    Filter filter(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)) / sizeof(sock_filter));
    if (pread(file.get(), filter.data(), filter.size() * sizeof(sock_filter), 0) <= 0) std::abort();
    return filter;
}

void BM_Libseccomp(benchmark::State& state) {
    auto optimize = static_cast<std::uint32_t>(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(by_libseccomp(optimize));
    state.counters["instructions"] = static_cast<double>(by_libseccomp(optimize).size());
}
BENCHMARK(BM_Libseccomp)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

// Median seconds of one seccomp(2), or 0 when it is refused. The kernel lets filters pile up to 32768
// instructions in sum, with 4 more for each, so 15 of the longest fit.
double load_seconds(const Filter& filter) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    urc::Fd in(ends[0]), out(ends[1]);
    pid_t child = fork();
    if (child == 0) {
        sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = const_cast<sock_filter*>(filter.data())};
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        std::array<double, 15> seconds{};
        for (double& one : seconds) {
            auto begin = std::chrono::steady_clock::now();
            if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) != 0)
                _exit(1);
            one = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        }
        std::sort(seconds.begin(), seconds.end());
        double median = seconds[seconds.size() / 2];
        _exit(write(out.get(), &median, sizeof median) == sizeof median ? 0 : 1);
    }
    out.reset();
    double median = 0;
    bool is_there = read(in.get(), &median, sizeof median) == sizeof median;
    (void)waitpid(child, nullptr, 0);
    return is_there ? median : 0;
}

void measure_load(benchmark::State& state, const Filter& filter) {
    for (auto _ : state) {
        double seconds = load_seconds(filter);
        if (seconds == 0) return state.SkipWithError("seccomp(2) is refused");
        state.SetIterationTime(seconds);
    }
    state.counters["instructions"] = static_cast<double>(filter.size());
}

void BM_Load(benchmark::State& state) {
    measure_load(state, compile(section())->instructions);
}
void BM_LoadLibseccompLinear(benchmark::State& state) {
    measure_load(state, by_libseccomp(1));
}
void BM_LoadLibseccompTree(benchmark::State& state) {
    measure_load(state, by_libseccomp(2));
}
void BM_LoadAllowAll(benchmark::State& state) {
    measure_load(state, compile(R"({"defaultAction": "SCMP_ACT_ALLOW"})")->instructions);
}
BENCHMARK(BM_Load)->UseManualTime()->Iterations(40)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_LoadLibseccompLinear)->UseManualTime()->Iterations(40)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_LoadLibseccompTree)->UseManualTime()->Iterations(40)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_LoadAllowAll)->UseManualTime()->Iterations(40)->Unit(benchmark::kMicrosecond);

}  // namespace
