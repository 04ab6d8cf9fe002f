#include "core/notify/message.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/notify/sender.h"
#include "core/number.h"
#include "core/utf8.h"

namespace urc::notify {

namespace {

enum class Rule : std::uint8_t {
    other,
    mark,
    status,
    watchdog,
    clock,
    main_pid,
    main_fd,
    access,
    fdstore,
    barrier,
};

struct KnownKey {
    std::string_view key;
    Rule rule;
};
constexpr KnownKey kKeys[] = {
    {"READY", Rule::mark},        {"RELOADING", Rule::mark},
    {"STOPPING", Rule::mark},     {"ERRNO", Rule::mark},
    {"BUSERROR", Rule::mark},     {"VARLINKERROR", Rule::mark},
    {"EXIT_STATUS", Rule::mark},  {"STATUS", Rule::status},
    {"WATCHDOG", Rule::watchdog}, {"MONOTONIC_USEC", Rule::clock},
    {"MAINPID", Rule::main_pid},  {"MAINPIDFDID", Rule::main_pid},
    {"MAINPIDFD", Rule::main_fd}, {"NOTIFYACCESS", Rule::access},
    {"FDSTORE", Rule::fdstore},   {"FDSTOREREMOVE", Rule::fdstore},
    {"FDNAME", Rule::fdstore},    {"FDPOLL", Rule::fdstore},
    {"BARRIER", Rule::barrier},
};

Rule rule_of(std::string_view key) {
    for (const KnownKey& known : kKeys)
        if (known.key == key) return known.rule;
    return Rule::other;
}

struct Line {
    std::string_view text, key, value;
    bool is_assignment = false;
};

Line read_line(std::string_view text) {
    Line line{.text = text, .key = text, .value = {}};
    const std::size_t sign = text.find('=');
    if (sign == text.npos) return line;
    line.key = text.substr(0, sign);
    line.value = text.substr(sign + 1);
    line.is_assignment =
        sign > 0 && std::all_of(line.key.begin(), line.key.end(), [](char c) { return c > ' ' && c < 0x7f; });
    return line;
}

std::vector<Line> lines_of(std::string_view body) {
    std::vector<Line> lines;
    while (!body.empty()) {
        const std::size_t end = std::min(body.find_first_of("\n\r"), body.size());
        if (end > 0) lines.push_back(read_line(body.substr(0, end)));
        body.remove_prefix(std::min(end + 1, body.size()));
    }
    return lines;
}

void add_line(std::string& body, std::string_view line) {
    if (!body.empty()) body += '\n';
    body += line;
}

void add_word(std::string& words, std::string_view word) {
    if (!words.empty()) words += ' ';
    // What strangers wrote goes into one line of a log.
    for (char c : word.substr(0, 32)) words += c > ' ' && c < 0x7f ? c : '?';
}

class Judge {
public:
    Judge(pid_t sender, const ProxyOptions& options, bool carries_fds)
        : sender_(sender), options_(options), carries_fds_(carries_fds) {}

    Verdict judge(const std::vector<Line>& lines, std::vector<Fd> fds);

private:
    void judge_barrier(const std::vector<Line>& lines, std::vector<Fd> fds);
    void judge_line(const Line& line, const std::vector<Fd>& fds);
    void judge_clock(const Line& line);
    void judge_main_pid(const Line& line);
    void judge_main_fd(const Line& line, const std::vector<Fd>& fds);
    void judge_permitted(const Line& line, bool is_permitted);

    void keep(std::string_view text, unsigned says) {
        add_line(verdict_.kept.body, text);
        verdict_.kept.says = static_cast<std::uint8_t>(verdict_.kept.says | says);
    }
    void withhold(const Line& line) { add_word(verdict_.withheld, line.key); }

    pid_t sender_;
    const ProxyOptions& options_;
    bool carries_fds_;
    bool keeps_fds_ = false;
    bool has_main_pid_ = false;
    Verdict verdict_;
};

Verdict Judge::judge(const std::vector<Line>& lines, std::vector<Fd> fds) {
    const bool is_barrier =
        std::any_of(lines.begin(), lines.end(), [](const Line& line) { return line.text == "BARRIER=1"; });
    if (is_barrier) {
        judge_barrier(lines, std::move(fds));
    } else {
        for (const Line& line : lines) judge_line(line, fds);
        if (keeps_fds_ && !verdict_.kept.body.empty()) verdict_.kept.fds = std::move(fds);
    }
    return std::move(verdict_);
}

void Judge::judge_barrier(const std::vector<Line>& lines, std::vector<Fd> fds) {
    if (lines.size() != 1) {
        verdict_.refusal = "BARRIER=1 is not alone";
    } else if (fds.size() != 1) {
        verdict_.refusal = "BARRIER=1 without exactly one descriptor";
    } else {
        keep("BARRIER=1", kSaysBarrier);
        verdict_.kept.fds = std::move(fds);
    }
}

void Judge::judge_line(const Line& line, const std::vector<Fd>& fds) {
    if (!line.is_assignment) return withhold(line);
    switch (rule_of(line.key)) {
        case Rule::other:
            return keep(line.text, kSaysOther);
        case Rule::mark:
            return keep(line.text, line.text == "READY=1" ? kSaysMark | kSaysReady : kSaysMark);
        case Rule::status:
            return is_utf8(line.value) ? keep(line.text, kSaysStatus) : withhold(line);
        case Rule::watchdog:
            return keep(line.text, line.value == "1" ? kSaysWatchdog : kSaysMark);
        case Rule::clock:
            return judge_clock(line);
        case Rule::main_pid:
            return judge_main_pid(line);
        case Rule::main_fd:
            return judge_main_fd(line, fds);
        case Rule::access:
            return judge_permitted(line, options_.allows_access);
        case Rule::fdstore:
            judge_permitted(line, options_.allows_fdstore && carries_fds_);
            if (options_.allows_fdstore && carries_fds_ && line.text == "FDSTORE=1") keeps_fds_ = true;
            return;
        case Rule::barrier:
            return withhold(line);
    }
}

void Judge::judge_permitted(const Line& line, bool is_permitted) {
    if (is_permitted) return keep(line.text, kSaysOther);
    verdict_.was_not_permitted = true;
    withhold(line);
}

void Judge::judge_clock(const Line& line) {
    const auto inside = parse_number<std::int64_t>(line.value);
    if (!inside || *inside < 0) return withhold(line);
    const auto offset = options_.monotonic_offset ? options_.monotonic_offset() : std::nullopt;
    if (!offset) return keep(line.text, kSaysOther);
    std::int64_t ours = 0;
    const std::int64_t ahead = std::chrono::floor<std::chrono::microseconds>(*offset).count();
    if (__builtin_sub_overflow(*inside, ahead, &ours) || ours < 0) return withhold(line);
    keep("MONOTONIC_USEC=" + std::to_string(ours), kSaysOther);
}

void Judge::judge_main_pid(const Line& line) {
    // MAINPIDFDID comes with the translated number, whether the container said it or not. Of several MAINPID
    // systemd takes the first.
    if (!options_.is_detached || line.key != "MAINPID" || has_main_pid_) return withhold(line);
    const auto inside = parse_number<pid_t>(line.value);
    const auto ours =
        inside && *inside > 0 && options_.translate ? options_.translate(sender_, *inside) : std::nullopt;
    if (!ours) return withhold(line);
    has_main_pid_ = true;
    verdict_.kept.main_pid = *ours;
    verdict_.kept.says |= kSaysMark;
    verdict_.main = main_process_lines(*ours, pidfd_id(*ours));
}

void Judge::judge_main_fd(const Line& line, const std::vector<Fd>& fds) {
    // A pidfd means the same everywhere. What counts is that the container may speak for its process.
    if (!options_.is_detached || !carries_fds_ || line.value != "1" || fds.size() != 1) return withhold(line);
    const auto pid = pid_of_pidfd(fds.front().get());
    if (!pid || (options_.is_member && !options_.is_member(*pid))) return withhold(line);
    keeps_fds_ = true;
    verdict_.kept.main_pid = *pid;
    keep(line.text, kSaysMark);
}

}  // namespace

Verdict judge(std::string_view body, std::vector<Fd> fds, pid_t sender, const ProxyOptions& options,
              bool carries_fds) {
    if (body.ends_with('\0')) body.remove_suffix(1);
    Verdict verdict;
    if (body.size() > kBodySizeMax) verdict.refusal = "longer than 4096 bytes";
    if (body.find('\0') != body.npos) verdict.refusal = "has a NUL in it";
    if (verdict.refusal) return verdict;
    verdict = Judge(sender, options, carries_fds).judge(lines_of(body), std::move(fds));
    // Only a clock that is behind ours makes a body longer.
    if (verdict.kept.body.size() <= kBodySizeMax) return verdict;
    Verdict refused;
    refused.refusal = "longer than 4096 bytes on our clock";
    return refused;
}

std::string main_process_lines(pid_t pid, std::uint64_t pidfd_id) {
    std::string lines = "MAINPID=" + std::to_string(pid);
    if (pidfd_id != 0) lines += "\nMAINPIDFDID=" + std::to_string(pidfd_id);
    return lines;
}

bool put_in_front(const std::string& lines, std::string& body) {
    if (lines.size() + 1 + body.size() > kBodySizeMax) return false;
    body = body.empty() ? lines : lines + "\n" + body;
    return true;
}

std::string keys_of(std::string_view body) {
    constexpr std::size_t kShownMax = 16;
    std::string words;
    std::size_t count = 0;
    for (const Line& line : lines_of(body))
        if (++count <= kShownMax) add_word(words, line.key);
    if (count > kShownMax) words += " ...";
    return words.empty() ? "nothing" : words;
}

}  // namespace urc::notify
