#include "core/lifecycle/find.h"

#include <regex.h>

namespace urc {
namespace {

class Regex {
public:
    explicit Regex(const std::string& expression)
        : code_(::regcomp(&compiled_, expression.c_str(), REG_EXTENDED | REG_NOSUB)) {}
    Regex(const Regex&) = delete;
    Regex& operator=(const Regex&) = delete;
    ~Regex() {
        if (code_ == 0) ::regfree(&compiled_);
    }

    bool is_valid() const { return code_ == 0; }
    std::string problem() const {
        char text[128];
        ::regerror(code_, &compiled_, text, sizeof text);
        return text;
    }
    bool matches(const std::string& text) const {
        return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
    }

private:
    regex_t compiled_{};
    int code_;
};

}  // namespace

Result<State> load_container(const StateDir& dir) {
    auto state = dir.load();
    if (!state && state.error().code() == ENOENT) return Error::message("container does not exist", ENOENT);
    return state;
}

Result<std::vector<std::string>> matching_ids(const Store& store, std::string_view expression) {
    const Regex regex{std::string(expression)};
    if (!regex.is_valid()) return Error::message("invalid regular expression: " + regex.problem());
    URC_TRY(std::vector<std::string> ids, store.ids());
    std::erase_if(ids, [&](const std::string& id) { return !regex.matches(id); });
    return ids;
}

}  // namespace urc
