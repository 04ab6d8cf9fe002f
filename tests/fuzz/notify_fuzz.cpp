// Strange datagrams and addresses. Nothing that a container may not say gets through, whatever else stands in
// the datagram; and what got through once, gets through again unchanged.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/notify/address.h"
#include "core/notify/message.h"
#include "uring/check.h"

namespace urc::notify {
namespace {

bool has_line_with(std::string_view body, std::string_view front) {
    while (!body.empty()) {
        if (body.starts_with(front)) return true;
        body.remove_prefix(std::min(body.find('\n'), body.size() - 1) + 1);
    }
    return false;
}

void check_body(std::string_view body) {
    const ProxyOptions closed;
    const Verdict verdict = judge(body, {}, 1, closed, true);
    const std::string& kept = verdict.kept.body;
    (void)keys_of(body);
    URC_CHECK(kept.size() <= kBodySizeMax && kept.find('\0') == kept.npos && kept.find('\r') == kept.npos);
    URC_CHECK(!verdict.refusal || kept.empty());
    for (const char* front : {"MAINPID", "NOTIFYACCESS=", "FDSTORE=", "FDNAME=", "FDPOLL=", "BARRIER="}) {
        const bool is_another_key = front == std::string_view("MAINPID") && !has_line_with(kept, "MAINPID=");
        URC_CHECK(is_another_key || !has_line_with(kept, front));
    }
    URC_CHECK(judge(kept, {}, 1, closed, true).kept.body == kept);

    ProxyOptions open;
    open.is_detached = open.allows_access = open.allows_fdstore = true;
    open.translate = [](pid_t, pid_t) { return std::optional<pid_t>(2'000'000'000); };
    open.monotonic_offset = [] { return std::optional<std::chrono::nanoseconds>(-1'000'000'007); };
    Verdict detached = judge(body, {}, 1, open, true);
    URC_CHECK(detached.kept.body.size() <= kBodySizeMax);
    URC_CHECK(detached.main.empty() == (detached.kept.main_pid == 0));
    if (put_in_front(detached.main, detached.kept.body)) URC_CHECK(detached.kept.body.size() <= kBodySizeMax);
}

void check_address(std::string_view text) {
    auto address = parse_address(text);
    if (!address.ok()) {
        URC_CHECK(address.error().text().find('\n') == std::string::npos);
        return;
    }
    URC_CHECK(address->size > sizeof(sa_family_t) && address->size <= sizeof address->socket_address);
    URC_CHECK(address->carries_fds() == (text.front() == '/' || text.front() == '@'));
}

}  // namespace
}  // namespace urc::notify

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    urc::notify::check_body(text);
    urc::notify::check_address(text);
    return 0;
}
