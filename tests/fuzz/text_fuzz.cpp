// Strange words of a command line: ids, signals, users, lists of numbers. What is taken is checked against
// the plain rule.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/lifecycle/exec_process.h"
#include "core/number.h"
#include "core/number_list.h"
#include "core/signals.h"
#include "core/state/store.h"
#include "uring/check.h"

namespace urc {
namespace {

bool consists_of(std::string_view text, std::string_view letters) {
    return !text.empty() && text.find_first_not_of(letters) == text.npos;
}

constexpr std::string_view kIdLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";

void check_words(std::string_view text) {
    if (check_id(text).ok()) URC_CHECK(consists_of(text, kIdLetters) && text != "." && text != "..");
    if (auto signal = parse_signal(text)) URC_CHECK(*signal >= 0 && *signal <= 64);
    if (auto number = parse_number<std::uint32_t>(text)) {
        std::string_view digits = text.substr(std::min(text.find_first_not_of('0'), text.size() - 1));
        URC_CHECK(consists_of(text, "0123456789") && std::to_string(*number) == digits);
    }
    if (auto mask = parse_number_list(text, 100)) {
        URC_CHECK(consists_of(text, "0123456789,-") && mask->size() == 2);
        URC_CHECK(std::any_of(mask->begin(), mask->end(), [](unsigned long word) { return word != 0; }));
        URC_CHECK((*mask)[1] >> 36 == 0);
    }
}

// exec --user: all of it is digits, or nothing has changed (CVE-2026-30892).
void check_user(std::string_view text) {
    constexpr std::uint32_t kBefore = 4711;
    spec::User user;
    user.uid = user.gid = kBefore;
    const std::string_view uid = text.substr(0, text.find(':'));
    if (!set_user(user, text).ok()) {
        URC_CHECK(user.uid == kBefore && user.gid == kBefore);
        return;
    }
    const bool has_gid = uid.size() < text.size();
    URC_CHECK(consists_of(uid, "0123456789") && parse_number<std::uint32_t>(uid) == user.uid);
    if (!has_gid) URC_CHECK(user.gid == kBefore);
    if (has_gid) URC_CHECK(parse_number<std::uint32_t>(text.substr(uid.size() + 1)) == user.gid);
    URC_CHECK(user.uid != 0xffff'ffff && user.gid != 0xffff'ffff);
}

}  // namespace
}  // namespace urc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    urc::check_words({reinterpret_cast<const char*>(data), size});
    urc::check_user({reinterpret_cast<const char*>(data), size});
    return 0;
}
