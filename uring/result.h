// Result<T>: a value or an Error, for plain code; coroutines return Task<T> (task.h). g++ 12 has
// std::expected only in C++23 mode and clang 14 hides it there.
//
//   Result<Fd> open_dir(const char* path);
//   Result<void> use() {
//       URC_TRY(Fd dir, open_dir("/run"));    // declares `dir`, or returns the Error
//       URC_TRY_VOID(write_all(dir.get(), "x"));
//       return {};
//   }
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "uring/check.h"
#include "uring/error.h"

namespace urc {

template <typename T>
class [[nodiscard]] Result {
public:
    using value_type = T;

    template <typename U = T>
    requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>) Result(U&& value)
        : state_(std::in_place_index<0>, std::forward<U>(value)) {}            // NOLINT(*-explicit-*)
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(*-explicit-*)

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    T& value() & { return *checked(); }
    const T& value() const& { return *const_cast<Result*>(this)->checked(); }
    T&& value() && { return std::move(*checked()); }
    T& operator*() & { return *checked(); }
    T&& operator*() && { return std::move(*checked()); }
    T* operator->() { return checked(); }

    const Error& error() const& {
        URC_CHECK(!ok());
        return *std::get_if<1>(&state_);
    }
    Error&& error() && {
        URC_CHECK(!ok());
        return std::move(*std::get_if<1>(&state_));
    }

private:
    T* checked() {
        URC_CHECK(ok());
        return std::get_if<0>(&state_);
    }
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() = default;
    Result(Error error) : error_(std::move(error)) {}  // NOLINT(*-explicit-*)

    bool ok() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }
    void value() const { URC_CHECK(ok()); }

    const Error& error() const& {
        URC_CHECK(!ok());
        return *error_;
    }
    Error&& error() && {
        URC_CHECK(!ok());
        return std::move(*error_);
    }

private:
    std::optional<Error> error_;
};

}  // namespace urc

#define URC_CONCAT_(a, b) a##b
#define URC_CONCAT(a, b) URC_CONCAT_(a, b)
#define URC_TRY_(result, declaration, ...) \
    auto result = (__VA_ARGS__);           \
    if (!result.ok()) [[unlikely]]         \
        return std::move(result).error();  \
    declaration = std::move(result).value()

// URC_TRY(declaration, expression): evaluates a Result, declares its value, or returns its Error from here.
#define URC_TRY(declaration, ...) URC_TRY_(URC_CONCAT(urc_result_, __LINE__), declaration, __VA_ARGS__)

// The same for Result<void>, or when the value is not wanted.
#define URC_TRY_VOID(...)                         \
    do {                                          \
        auto urc_result = (__VA_ARGS__);          \
        if (!urc_result.ok()) [[unlikely]]        \
            return std::move(urc_result).error(); \
    } while (false)
