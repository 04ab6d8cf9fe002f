// What reading a configuration costs. Warm: the same document again and again, as in a supervisor. Cold:
// caches are swept before each turn, which is closer to a `run` that reads its first and only document.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "core/spec/default_spec.h"
#include "core/spec/json_syntax.h"
#include "core/spec/parse.h"
#include "core/spec/validate.h"
#include "uring/file.h"

namespace urc {
namespace {

const std::string& docker_like() {
    static const std::string text = [] {
        auto file = read_file_at(AT_FDCWD, URC_SOURCE_DIR "/tests/data/docker-like-config.json");
        return file.ok() ? *file : std::string();
    }();
    return text;
}

std::string padded(const std::string& text) {
    std::string copy;
    copy.reserve(text.size() + kParsePadding);
    return copy.append(text);
}

void parse_docker_like(benchmark::State& state) {
    for (auto _ : state) {
        auto result = parse_spec(std::string_view(docker_like()));
        if (!result.ok()) return state.SkipWithError(result.error().text().c_str());
        benchmark::DoNotOptimize(result);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(docker_like().size()));
}
BENCHMARK(parse_docker_like);

void parse_docker_like_in_place(benchmark::State& state) {
    std::string text = padded(docker_like());
    for (auto _ : state) {
        auto result = parse_spec(std::move(text));
        if (!result.ok()) return state.SkipWithError(result.error().text().c_str());
        benchmark::DoNotOptimize(result);
        state.PauseTiming();
        text = padded(docker_like());
        state.ResumeTiming();
    }
}
BENCHMARK(parse_docker_like_in_place);

void parse_docker_like_cold(benchmark::State& state) {
    std::vector<std::uint64_t> sweep((std::size_t{64} << 20) / sizeof(std::uint64_t));
    for (auto _ : state) {
        state.PauseTiming();
        std::iota(sweep.begin(), sweep.end(), sweep[0]);
        benchmark::DoNotOptimize(sweep.data());
        state.ResumeTiming();
        auto result = parse_spec(std::string_view(docker_like()));
        benchmark::DoNotOptimize(result);
    }
}
BENCHMARK(parse_docker_like_cold)->Iterations(100);

void parse_default(benchmark::State& state) {
    std::string text = default_spec(false, 0, 0, false);
    for (auto _ : state) {
        auto result = parse_spec(std::string_view(text));
        benchmark::DoNotOptimize(result);
    }
}
BENCHMARK(parse_default);

void validate_docker_like(benchmark::State& state) {
    auto result = parse_spec(std::string_view(docker_like()));
    if (!result.ok()) return state.SkipWithError(result.error().text().c_str());
    for (auto _ : state) {
        auto verdict = validate(*result);
        benchmark::DoNotOptimize(verdict);
    }
}
BENCHMARK(validate_docker_like);

// The second reader, which runs after an error only.
void find_syntax_error_docker_like(benchmark::State& state) {
    for (auto _ : state) {
        auto error = spec::find_syntax_error(docker_like());
        benchmark::DoNotOptimize(error);
    }
}
BENCHMARK(find_syntax_error_docker_like);

}  // namespace
}  // namespace urc
