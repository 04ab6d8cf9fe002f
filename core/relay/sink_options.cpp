#include "core/relay/sink_options.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>

#include "core/number.h"

namespace urc::relay {
namespace {

constexpr std::array kDrivers = {Driver::none,      Driver::null,     Driver::raw_file, Driver::k8s_file,
                                 Driver::json_file, Driver::journald, Driver::fd,       Driver::fifo};
constexpr unsigned kFilesMax = 1000;
constexpr std::size_t kTagSizeMax = 1024;

std::string quoted(std::string_view word) {
    return '"' + std::string(word) + '"';
}

bool is_file(Driver driver) {
    return driver == Driver::raw_file || driver == Driver::k8s_file || driver == Driver::json_file;
}

bool knows(Driver driver, std::string_view key) {
    if (driver == Driver::none) return false;
    if (key == "path") return is_file(driver) || driver == Driver::fifo;
    if (key == "max-size" || key == "max-files") return is_file(driver);
    if (key == "fd") return driver == Driver::fd;
    if (key == "tag" || key == "socket") return driver == Driver::journald;
    constexpr std::array<std::string_view, 5> kForAll = {"stream", "policy", "buffer", "spill-size",
                                                         "spill-dir"};
    return std::find(kForAll.begin(), kForAll.end(), key) != kForAll.end();
}

bool is_known_to_any(std::string_view key) {
    return std::any_of(kDrivers.begin(), kDrivers.end(), [&](Driver driver) { return knows(driver, key); });
}

// ---- values
// ------------------------------------------------------------------------------------------------------

// 10m, 64k, 1g, 2t, each also with a `b`; plain bytes.
std::optional<std::uint64_t> parse_size(std::string_view text) {
    constexpr std::string_view kUnits = "kmgt";
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    std::string_view digits = lower;
    if (digits.ends_with('b')) digits.remove_suffix(1);
    unsigned shift = 0;
    if (!digits.empty()) {
        if (std::size_t unit = kUnits.find(digits.back()); unit != kUnits.npos) {
            shift = 10 * (static_cast<unsigned>(unit) + 1);
            digits.remove_suffix(1);
        }
    }
    auto number = parse_number<std::uint64_t>(digits, std::numeric_limits<std::int64_t>::max() >> shift);
    if (!number || *number == 0) return std::nullopt;
    return *number << shift;
}

Result<std::string> absolute(std::string_view path) {
    if (path.empty() || path.find('\0') != path.npos) return Error::message("not a path");
    if (path.front() == '/') return std::string(path);
    char directory[PATH_MAX];
    if (!::getcwd(directory, sizeof directory)) return Error::last("getcwd");
    return std::string(directory) + '/' + std::string(path);
}

Result<void> set_streams(SinkOptions& sink, std::string_view value) {
    if (value != "stdout" && value != "stderr" && value != "both")
        return Error::message("not stdout, stderr or both");
    sink.takes_out = value != "stderr";
    sink.takes_err = value != "stdout";
    return {};
}

Result<void> set_policy(SinkOptions& sink, std::string_view value) {
    for (Policy policy : {Policy::block, Policy::drop, Policy::spill}) {
        if (value != policy_word(policy)) continue;
        sink.policy = policy;
        return {};
    }
    return Error::message("not block, drop or spill");
}

Result<void> set_size(SinkOptions& sink, std::string_view key, std::string_view value) {
    bool is_unlimited = value == "-1" && key != "buffer";
    auto size = is_unlimited ? std::numeric_limits<std::int64_t>::max() : parse_size(value);
    if (!size) return Error::message("not a size (10m, 64k, 1g)");
    if (key == "max-size") sink.size_max = is_unlimited ? 0 : *size;
    if (key == "spill-size") sink.spill_size = *size;
    if (key == "buffer") {
        if (*size > (1U << 30)) return Error::message("more than 1g");
        sink.buffer_size = static_cast<std::uint32_t>(*size);
    }
    return {};
}

Result<void> set_number(SinkOptions& sink, std::string_view key, std::string_view value) {
    auto number = parse_number<unsigned>(value, key == "fd" ? INT_MAX : kFilesMax);
    if (!number) return Error::message(key == "fd" ? "not a descriptor" : "not a number from 1 to 1000");
    if (key == "fd") {
        sink.fd = static_cast<int>(*number);
        return {};
    }
    if (*number == 0) return Error::message("not a number from 1 to 1000");
    sink.files_max = *number;
    return {};
}

Result<void> set_text(SinkOptions& sink, std::string_view key, std::string_view value) {
    if (key == "tag") {
        if (value.empty() || value.size() > kTagSizeMax) return Error::message("empty, or too long");
        sink.tag = value;
        return {};
    }
    URC_TRY(std::string path, absolute(value));
    (key == "path" ? sink.path : key == "socket" ? sink.socket : sink.spill_directory) = std::move(path);
    return {};
}

Result<void> set(SinkOptions& sink, std::string_view key, std::string_view value) {
    if (key == "stream") return set_streams(sink, value);
    if (key == "policy") return set_policy(sink, value);
    if (key == "max-size" || key == "spill-size" || key == "buffer") return set_size(sink, key, value);
    if (key == "max-files" || key == "fd") return set_number(sink, key, value);
    return set_text(sink, key, value);
}

// ---- words
// -------------------------------------------------------------------------------------------------------

struct Option {
    std::string_view key, value;
};

Result<Option> split(std::string_view word) {
    std::size_t equals = word.find('=');
    if (equals == word.npos) return Error::message(quoted(word) + ": not KEY=VALUE");
    Option option{word.substr(0, equals), word.substr(equals + 1)};
    if (!is_known_to_any(option.key)) return Error::message(std::string(option.key) + ": no such option");
    return option;
}

Result<void> apply(SinkOptions& sink, const Option& option) {
    auto done = set(sink, option.key, option.value);
    if (done.ok()) return {};
    return Error::message(std::string(option.key) + ": " + quoted(option.value) + ": " + done.error().text());
}

// A sink and the keys that it has been given.
struct Draft {
    SinkOptions sink;
    std::set<std::string_view> own;
    std::set<std::string_view> given;
};

Result<Draft> parse_driver(std::string_view text) {
    std::string_view word = text.substr(0, text.find(','));
    auto driver =
        std::find_if(kDrivers.begin(), kDrivers.end(), [&](Driver d) { return driver_word(d) == word; });
    if (driver == kDrivers.end()) return Error::message(quoted(word) + ": no such driver");
    Draft draft;
    draft.sink.driver = *driver;
    while (word.size() < text.size()) {
        text.remove_prefix(word.size() + 1);
        word = text.substr(0, text.find(','));
        URC_TRY(Option option, split(word));
        const std::string key(option.key);
        if (!knows(*driver, key))
            return Error::message(key + ": not an option of " + std::string(driver_word(*driver)));
        if (!draft.own.insert(option.key).second) return Error::message(key + ": given twice");
        URC_TRY_VOID(apply(draft.sink, option));
    }
    draft.given = draft.own;
    return draft;
}

Result<void> apply_to_all(std::vector<Draft>& drafts, std::string_view word,
                          std::set<std::string_view>& seen) {
    URC_TRY(Option option, split(word));
    const std::string key(option.key);
    if (!seen.insert(option.key).second) return Error::message(key + ": given twice");
    bool is_known = false;
    for (Draft& draft : drafts) {
        if (!knows(draft.sink.driver, key)) continue;
        is_known = true;
        if (draft.own.contains(option.key)) continue;
        URC_TRY_VOID(apply(draft.sink, option));
        draft.given.insert(option.key);
    }
    if (!is_known) return Error::message(key + ": not an option of any --log-driver that is given");
    return {};
}

// What is missing or does not go together, once all is known.
Result<void> complete(std::vector<Draft>& drafts, const std::string& default_path) {
    auto lacks_path = [](const Draft& draft) {
        return is_file(draft.sink.driver) && draft.sink.path.empty();
    };
    auto count = std::count_if(drafts.begin(), drafts.end(), lacks_path);
    std::set<std::string> paths;
    for (Draft& draft : drafts) {
        SinkOptions& sink = draft.sink;
        const std::string word(driver_word(sink.driver));
        if (lacks_path(draft) && !default_path.empty()) {
            URC_TRY(sink.path, absolute(default_path));
            if (count > 1) sink.path += '.' + word;
        }
        if (knows(sink.driver, "path") && sink.path.empty()) return Error::message(word + ": needs path=");
        if (!sink.path.empty() && !paths.insert(sink.path).second)
            return Error::message(word + ": path: " + quoted(sink.path) + ": used by another sink, too");
        if (sink.driver == Driver::fd && sink.fd < 0) return Error::message(word + ": needs fd=");
        if (draft.given.contains("max-files") && sink.size_max == 0)
            return Error::message(word + ": max-files: needs max-size=");
        for (const char* key : {"spill-size", "spill-dir"})
            if (draft.own.contains(key) && sink.policy != Policy::spill)
                return Error::message(word + ": " + key + ": needs policy=spill");
    }
    return {};
}

}  // namespace

std::string_view stream_word(Stream stream) {
    return stream == Stream::out ? "stdout" : "stderr";
}

std::string_view driver_word(Driver driver) {
    constexpr std::array<std::string_view, kDrivers.size()> kWords = {
        "none", "null", "raw-file", "k8s-file", "json-file", "journald", "fd", "fifo"};
    return kWords[static_cast<std::size_t>(driver)];
}

std::string_view policy_word(Policy policy) {
    return policy == Policy::block ? "block" : policy == Policy::drop ? "drop" : "spill";
}

Result<std::vector<SinkOptions>> parse_sinks(const std::vector<std::string>& drivers,
                                             const std::vector<std::string>& options,
                                             const std::string& default_path) {
    std::vector<Draft> drafts;
    for (const std::string& word : drivers) {
        auto draft = parse_driver(word);
        if (!draft.ok()) return std::move(draft).error().context("--log-driver");
        drafts.push_back(std::move(*draft));
    }
    bool has_none = std::any_of(drafts.begin(), drafts.end(),
                                [](const Draft& draft) { return draft.sink.driver == Driver::none; });
    if (has_none && drafts.size() > 1)
        return Error::message("--log-driver: none: there must be no other driver");
    if (!options.empty() && drafts.empty())
        return Error::message("--log-opt: " + quoted(options.front()) + ": needs a --log-driver");
    std::set<std::string_view> seen;
    for (const std::string& word : options) {
        auto applied = apply_to_all(drafts, word, seen);
        if (!applied.ok()) return std::move(applied).error().context("--log-opt");
    }
    if (has_none) return std::vector<SinkOptions>();
    auto completed = complete(drafts, default_path);
    if (!completed.ok()) return std::move(completed).error().context("--log-driver");
    std::vector<SinkOptions> sinks;
    for (Draft& draft : drafts) sinks.push_back(std::move(draft.sink));
    return sinks;
}

std::vector<int> sink_descriptors(const std::vector<std::string>& drivers,
                                  const std::vector<std::string>& options) {
    std::vector<int> descriptors;
    if (drivers.empty()) return descriptors;
    auto sinks = parse_sinks(drivers, options, "/");
    if (!sinks.ok()) return descriptors;
    for (const SinkOptions& sink : *sinks)
        if (sink.driver == Driver::fd) descriptors.push_back(sink.fd);
    return descriptors;
}

}  // namespace urc::relay
