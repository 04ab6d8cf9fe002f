#include "core/signals.h"

#include <csignal>
#include <cstring>
#include <tuple>

#include "core/number.h"

namespace urc {

std::optional<int> parse_signal(std::string_view text) {
    if (auto number = parse_number<int>(text, SIGRTMAX)) {
        if (*number >= 0) return number;
        return std::nullopt;
    }
    std::string name;
    for (char c : text) name += (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
    if (name.starts_with("SIG")) name.erase(0, 3);

    for (auto [prefix, base, sign] : {std::tuple{"RTMIN", SIGRTMIN, 1}, std::tuple{"RTMAX", SIGRTMAX, -1}}) {
        if (!name.starts_with(prefix)) continue;
        std::string_view offset = std::string_view(name).substr(std::strlen(prefix));
        if (offset.empty()) return base;
        if (offset.front() != (sign > 0 ? '+' : '-')) return std::nullopt;
        auto distance = parse_number<int>(offset.substr(1), SIGRTMAX - SIGRTMIN);
        if (!distance || *distance < 0) return std::nullopt;
        return base + sign * *distance;
    }

    // Aliases that sigabbrev_np(3) does not give.
    if (name == "IOT") return SIGABRT;
    if (name == "CLD") return SIGCHLD;
    if (name == "POLL" || name == "IO") return SIGIO;
    for (int signal = 1; signal < SIGRTMIN; ++signal) {
        const char* abbreviation = sigabbrev_np(signal);
        if (abbreviation && name == abbreviation) return signal;
    }
    return std::nullopt;
}

sigset_t all_signals_but_faults() {
    sigset_t signals;
    sigfillset(&signals);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&signals, fault);
    return signals;
}

Result<void> reset_signals() {
    struct sigaction action {};
    for (int signal = 1; signal < NSIG; ++signal) {
        if (::sigaction(signal, nullptr, &action) < 0 || action.sa_handler == SIG_DFL) continue;
        action = {};
        action.sa_handler = SIG_DFL;
        ::sigaction(signal, &action, nullptr);
    }
    sigset_t none;
    sigemptyset(&none);
    if (::sigprocmask(SIG_SETMASK, &none, nullptr) < 0) return Error::last("sigprocmask");
    return {};
}

}  // namespace urc
