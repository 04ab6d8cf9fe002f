#include "tests/core/seccomp/judge.h"

#include <sys/mman.h>
#include <unistd.h>

#ifndef SIMDJSON_EXCEPTIONS
#define SIMDJSON_EXCEPTIONS 0
#endif
#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>

#include "uring/file.h"

namespace urc::seccomp_test {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;

struct Word {
    const char* name;
    std::uint32_t value;
};
constexpr Word kActions[] = {
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_KILL", SCMP_ACT_KILL},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
    {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
    {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
};
constexpr Word kOps[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};
constexpr const char* kArchitectures[] = {"X86",         "X86_64", "X32",       "ARM",     "AARCH64",
                                          "MIPS",        "MIPS64", "MIPS64N32", "MIPSEL",  "MIPSEL64",
                                          "MIPSEL64N32", "PPC",    "PPC64",     "PPC64LE", "S390",
                                          "S390X",       "PARISC", "PARISC64",  "RISCV64"};

template <typename Table>
const char* word_for(const Table& table, std::uint32_t value) {
    for (const Word& word : table)
        if (word.value == value) return word.name;
    std::abort();
}

template <typename Table>
std::uint32_t value_of(const Table& table, std::string_view name) {
    for (const Word& word : table)
        if (word.name == name) return word.value;
    std::abort();
}

std::uint32_t token_of(std::string name) {
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    return seccomp_arch_resolve_name(name.c_str());
}

std::string action_json(const char* key, const char* number_key, std::uint32_t action) {
    bool has_data = (action & 0x7fff0000) == 0x00050000 || (action & 0x7fff0000) == 0x7ff00000;
    std::string out = std::string("\"") + key + "\": \"";
    out += word_for(kActions, has_data ? action & 0xffff0000 : action);
    out += "\"";
    if (has_data) out += std::string(", \"") + number_key + "\": " + std::to_string(action & 0xffff);
    return out;
}

std::vector<std::uint32_t> all_architectures(const Profile& profile) {
    std::vector<std::uint32_t> out = {seccomp_arch_native()};
    for (std::uint32_t token : profile.architectures)
        if (std::ranges::find(out, token) == out.end()) out.push_back(token);
    return out;
}

std::uint32_t audit_of(std::uint32_t token) {
    return token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token;
}

bool is_64_bit(std::uint32_t token) {
    switch (token) {
        case SCMP_ARCH_X86_64:
        case SCMP_ARCH_AARCH64:
        case SCMP_ARCH_MIPSEL64:
        case SCMP_ARCH_PPC64LE:
        case SCMP_ARCH_RISCV64:
            return true;
        default:
            return false;
    }
}

int resolve(std::uint32_t token, const std::string& name) {
    return seccomp_syscall_resolve_name_arch(token, name.c_str());
}

// The number that a name has of its own where libseccomp gives the multiplexed one: asked from 0 to 6999, as
// the table is known to nobody here.
int own_number(std::uint32_t token, const std::string& name) {
    static std::map<std::pair<std::uint32_t, std::string>, int> known;
    static std::set<std::uint32_t> scanned;
    if (scanned.insert(token).second)
        for (int number = 0; number < 7000; ++number) {
            char* found = seccomp_syscall_resolve_num_arch(token, number);
            if (found != nullptr) known[{token, found}] = number;
            std::free(found);
        }
    auto found = known.find({token, name});
    return found == known.end() ? -1 : found->second;
}

bool holds(const Argument& argument, std::uint64_t value, bool wide) {
    std::uint64_t ones = wide ? ~std::uint64_t{0} : 0xffffffff;
    std::uint64_t a = value & ones, v = argument.value & ones;
    switch (argument.op) {
        case SCMP_CMP_NE:
            return a != v;
        case SCMP_CMP_LT:
            return a < v;
        case SCMP_CMP_LE:
            return a <= v;
        case SCMP_CMP_EQ:
            return a == v;
        case SCMP_CMP_GE:
            return a >= v;
        case SCMP_CMP_GT:
            return a > v;
        case SCMP_CMP_MASKED_EQ:
            return (a & v) == (argument.value_two & v);
        default:
            std::abort();
    }
}

// The rule as conditions that are joined by "or": see profile.h of the compiler for why.
std::vector<std::vector<Argument>> alternatives(const Rule& rule) {
    std::set<unsigned> indexes;
    for (const Argument& argument : rule.arguments) indexes.insert(argument.index);
    if (indexes.size() == rule.arguments.size()) return {rule.arguments};
    std::vector<std::vector<Argument>> out;
    for (const Argument& argument : rule.arguments) out.push_back({argument});
    return out;
}

// ---- the docker profile, read by simdjson's other interface ----------------------------------------------

using Element = simdjson::dom::element;

std::string_view text_of(Element element) {
    std::string_view text;
    if (element.get(text)) std::abort();
    return text;
}

std::uint64_t number_at(Element object, const char* key, std::uint64_t otherwise) {
    std::uint64_t number = 0;
    return object[key].get(number) ? otherwise : number;
}

simdjson::dom::array list_at(Element object, const char* key) {
    static simdjson::dom::parser parser;
    static const Element empty = [] {
        Element element;
        if (parser.parse(std::string_view("[]")).get(element)) std::abort();
        return element;
    }();
    simdjson::dom::array array;
    if (object[key].get(array) && empty.get(array)) std::abort();
    return array;
}

std::uint32_t action_at(Element object, const char* key, const char* number_key) {
    Element word;
    if (object[key].get(word)) std::abort();
    std::uint32_t action = value_of(kActions, text_of(word));
    if (action == SCMP_ACT_ERRNO(0))
        action |= static_cast<std::uint32_t>(number_at(object, number_key, EPERM));
    return action;
}

}  // namespace

std::string to_json(const Profile& profile) {
    std::string out = "{" + action_json("defaultAction", "defaultErrnoRet", profile.default_action);
    out += ", \"architectures\": [";
    for (const char* name : kArchitectures)
        if (std::ranges::count(profile.architectures, token_of(name)) > 0)
            out += std::string(out.back() == '[' ? "" : ", ") + "\"SCMP_ARCH_" + name + "\"";
    out += "], \"syscalls\": [";
    for (const Rule& rule : profile.rules) {
        out += out.back() == '[' ? "\n{\"names\": [" : ",\n{\"names\": [";
        for (const std::string& name : rule.names) out += (out.back() == '[' ? "\"" : ", \"") + name + "\"";
        out += "], " + action_json("action", "errnoRet", rule.action) + ", \"args\": [";
        for (const Argument& a : rule.arguments) {
            if (out.back() != '[') out += ", ";
            out += "{\"index\": " + std::to_string(a.index) + ", \"value\": " + std::to_string(a.value) +
                   ", \"valueTwo\": " + std::to_string(a.value_two) + ", \"op\": \"" + word_for(kOps, a.op) +
                   "\"}";
        }
        out += "]}";
    }
    return out + "]}";
}

Profile docker_profile(std::string* section) {
    simdjson::dom::parser parser;
    simdjson::dom::element document, seccomp;
    if (parser.load(URC_SOURCE_DIR "/tests/data/docker-like-config.json").get(document) ||
        document["linux"]["seccomp"].get(seccomp))
        std::abort();
    if (section != nullptr) *section = simdjson::minify(seccomp);

    Profile out;
    out.default_action = action_at(seccomp, "defaultAction", "defaultErrnoRet");
    for (Element name : list_at(seccomp, "architectures"))
        out.architectures.push_back(token_of(std::string(text_of(name).substr(sizeof "SCMP_ARCH"))));
    for (Element rule : list_at(seccomp, "syscalls")) {
        Rule& to = out.rules.emplace_back();
        to.action = action_at(rule, "action", "errnoRet");
        for (Element name : list_at(rule, "names")) to.names.emplace_back(text_of(name));
        for (Element argument : list_at(rule, "args")) {
            Element op;
            if (argument["op"].get(op)) std::abort();
            to.arguments.push_back({.index = static_cast<unsigned>(number_at(argument, "index", 0)),
                                    .op = static_cast<scmp_compare>(value_of(kOps, text_of(op))),
                                    .value = number_at(argument, "value", 0),
                                    .value_two = number_at(argument, "valueTwo", 0)});
        }
    }
    return out;
}

std::optional<std::vector<sock_filter>> libseccomp_filter(const Profile& profile, Layout layout) {
    std::unique_ptr<void, void (*)(void*)> context(seccomp_init(profile.default_action), seccomp_release);
    if (layout == Layout::tree && seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0)
        std::abort();
    for (std::uint32_t token : profile.architectures) {
        int rc = seccomp_arch_add(context.get(), token);
        if (rc != 0 && rc != -EEXIST) std::abort();
    }
    for (const Rule& rule : profile.rules) {
        if (rule.action == profile.default_action) continue;
        for (const std::string& name : rule.names) {
            int number = seccomp_syscall_resolve_name(name.c_str());
            if (number == __NR_SCMP_ERROR) continue;
            for (const std::vector<Argument>& arguments : alternatives(rule)) {
                std::vector<scmp_arg_cmp> conditions;
                for (const Argument& a : arguments)
                    conditions.push_back({a.index, a.op, a.value, a.value_two});
                if (seccomp_rule_add_array(context.get(), rule.action, number,
                                           static_cast<unsigned>(conditions.size()), conditions.data()) != 0)
                    return std::nullopt;
            }
        }
    }
    Fd file(memfd_create("filter", MFD_CLOEXEC));
    if (seccomp_export_bpf(context.get(), file.get()) != 0 || lseek(file.get(), 0, SEEK_SET) != 0)
        std::abort();
    auto bytes = read_all(file.get(), 1 << 20, "filter");
    if (!bytes.ok() || bytes->size() % sizeof(sock_filter) != 0) std::abort();
    std::vector<sock_filter> program(bytes->size() / sizeof(sock_filter));
    std::memcpy(program.data(), bytes->data(), bytes->size());
    return program;
}

PlainReading::PlainReading(const Profile& profile) : default_action_(profile.default_action) {
    for (std::uint32_t token : all_architectures(profile)) {
        std::uint32_t& newest = newest_[token];
        for (const Rule& rule : profile.rules)
            for (const std::string& name : rule.names) {
                int number = resolve(token, name);
                if (number > 0) newest = std::max(newest, static_cast<std::uint32_t>(number));
                if (rule.action == default_action_) continue;
                bool is_multiplexed = number <= -100 && number > -300 && resolve(token, "socketcall") > 0;
                for (std::vector<Argument> arguments : alternatives(rule)) {
                    add(token, is_multiplexed ? own_number(token, name) : number, arguments, rule.action);
                    if (!is_multiplexed) continue;
                    bool is_socket = number >= -120;
                    std::erase_if(arguments, [](const Argument& a) { return a.index == 0; });
                    arguments.push_back(
                        {.value = static_cast<std::uint64_t>(-number % (is_socket ? 100 : 200))});
                    add(token, resolve(token, is_socket ? "socketcall" : "ipc"), arguments, rule.action);
                }
            }
    }
}

void PlainReading::add(std::uint32_t token, int number, std::vector<Argument> arguments,
                       std::uint32_t action) {
    if (number < 0) return;
    bool is_wide = is_64_bit(token);
    // A mask without bits asks nothing, whatever it is compared with.
    std::erase_if(arguments, [&](const Argument& a) {
        return a.op == SCMP_CMP_MASKED_EQ && (is_wide ? a.value : a.value & 0xffffffff) == 0;
    });
    alternatives_[{audit_of(token), number}].push_back({std::move(arguments), action, is_wide});
}

bool PlainReading::is_young(const seccomp_data& call) const {
    std::uint32_t kind = default_action_ & 0x7fff0000;
    if (default_action_ == SCMP_ACT_ALLOW || default_action_ == SCMP_ACT_LOG || kind == 0x7ff00000)
        return false;
    auto number = static_cast<std::uint32_t>(call.nr);
    bool has_x32_bit = (number & kX32Bit) != 0;
    return std::ranges::any_of(newest_, [&](const auto& entry) {
        auto [token, newest] = entry;
        if (audit_of(token) != call.arch || newest == 0) return false;
        if (call.arch == SCMP_ARCH_X86_64 && (token == SCMP_ARCH_X32) != has_x32_bit) return false;
        return number > newest;
    });
}

Meaning PlainReading::of(const seccomp_data& call) const {
    if (is_young(call)) return {.answers = {SCMP_ACT_ERRNO(ENOSYS)}, .is_young = true};
    auto number = static_cast<std::uint32_t>(call.nr);
    bool is_foreign = std::ranges::none_of(newest_, [&](auto& e) { return audit_of(e.first) == call.arch; });
    if (call.arch == SCMP_ARCH_X86_64)
        is_foreign |= number >= kX32Bit ? !newest_.contains(SCMP_ARCH_X32) && call.nr != -1
                                        : !newest_.contains(SCMP_ARCH_X86_64);
    if (is_foreign) return {.answers = {SCMP_ACT_KILL}};
    auto found = alternatives_.find({call.arch, call.nr});
    if (found == alternatives_.end()) return {.answers = {default_action_}};

    Meaning out;
    bool is_ordered = false, is_masked = false, is_chained = false, is_unequal_chained = false;
    for (const Alternative& alternative : found->second) {
        if (alternative.arguments.empty())
            return {.answers = {alternative.action}};  // settles it, if the first
        bool is_met = true;
        for (const Argument& a : alternative.arguments) {
            is_met &= holds(a, call.args[a.index], alternative.is_wide);
            is_ordered |= a.op != SCMP_CMP_EQ && a.op != SCMP_CMP_MASKED_EQ && a.op != SCMP_CMP_NE;
            is_masked |= a.op == SCMP_CMP_MASKED_EQ;
            is_chained |= alternative.arguments.size() > 1;
            is_unequal_chained |= a.op == SCMP_CMP_NE && alternative.arguments.size() > 1;
            out.has_unequal |= a.op != SCMP_CMP_EQ && a.op != SCMP_CMP_MASKED_EQ;
        }
        if (is_met) out.answers.insert(alternative.action);
    }
    if (out.answers.empty()) out.answers.insert(default_action_);
    out.is_beyond_libseccomp =
        found->second.size() > 1 && (is_ordered || is_unequal_chained || (is_masked && is_chained));
    return out;
}

const std::vector<std::uint32_t>& all_audits() {
    static const std::vector<std::uint32_t> audits = [] {
        std::vector<std::uint32_t> out = {0, 0xffffffff};
        for (const char* name : kArchitectures) out.push_back(token_of(name));  // x32's token is nobody's
        return out;
    }();
    return audits;
}

std::vector<std::uint32_t> numbers_of(const Profile& profile) {
    std::set<std::uint32_t> numbers = {0,
                                       1,
                                       1024,
                                       kX32Bit - 1,
                                       kX32Bit,
                                       kX32Bit + 1,
                                       2 * kX32Bit - 1,
                                       2 * kX32Bit,
                                       3 * kX32Bit - 1,
                                       3 * kX32Bit,
                                       0xfffffffe,
                                       0xffffffff,
                                       0xffffff9b,
                                       0xffffd8e0,
                                       400,
                                       700,
                                       5500};
    for (std::uint32_t token : all_architectures(profile))
        for (const Rule& rule : profile.rules)
            for (const std::string& name : rule.names) {
                int number = resolve(token, name);
                if (number < -1 && number > -300) {
                    numbers.insert(static_cast<std::uint32_t>(resolve(token, "socketcall")));
                    numbers.insert(static_cast<std::uint32_t>(resolve(token, "ipc")));
                    number = own_number(token, name);
                }
                for (int n : {number - 1, number, number + 1}) numbers.insert(static_cast<std::uint32_t>(n));
            }
    return {numbers.begin(), numbers.end()};
}

std::vector<seccomp_data> calls_for(const Profile& profile, const std::vector<std::uint32_t>& audits,
                                    const std::vector<std::uint32_t>& numbers, unsigned per_number,
                                    std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<std::uint64_t> values[6];
    for (auto& list : values) list = {0, 1, 2, 0xffffffff, std::uint64_t{1} << 32, ~std::uint64_t{0}};
    for (const Rule& rule : profile.rules)
        for (const Argument& a : rule.arguments) {
            auto& list = values[a.index];
            constexpr std::uint64_t kOneUp = std::uint64_t{1} << 32;
            for (std::uint64_t v : {a.value, a.value_two, a.value & a.value_two})
                for (std::uint64_t w : {v, v - 1, v + 1, v + kOneUp, v - kOneUp, v ^ (kOneUp << 8),
                                        v | ~a.value, v ^ (a.value & (~a.value + 1)), v & 0xffffffff})
                    list.push_back(w);
            // So that calls that meet several conditions at once are not too rare.
            list.insert(list.end(), 6, a.op == SCMP_CMP_MASKED_EQ ? a.value_two & a.value : a.value);
        }
    std::vector<seccomp_data> calls;
    for (std::uint32_t audit : audits)
        for (std::uint32_t number : numbers)
            for (unsigned i = 0; i < per_number; ++i) {
                seccomp_data call{};
                call.arch = audit;
                call.nr = static_cast<int>(number);
                call.instruction_pointer = random();
                for (int n = 0; n < 6; ++n)
                    call.args[n] = i == 0 ? 0 : values[n][random() % values[n].size()];
                calls.push_back(call);
            }
    return calls;
}

std::string describe(const seccomp_data& call) {
    char text[200];
    std::snprintf(text, sizeof text, "arch %#x nr %#x (%d) args %#llx %#llx %#llx %#llx %#llx %#llx",
                  call.arch, static_cast<unsigned>(call.nr), call.nr, call.args[0], call.args[1],
                  call.args[2], call.args[3], call.args[4], call.args[5]);
    return text;
}

}  // namespace urc::seccomp_test
