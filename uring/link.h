// Links: operations that the kernel starts one after the other, without asking us in between.
//
//   auto [sent, got] = co_await linked(send(loop, fd, request), recv(loop, fd, buffer));
//
// All requests of a chain go out in one submit (Loop::reserve). A member that fails, or transfers less than
// asked, breaks the chain: the kernel cancels the rest, and the Error is that of the member that broke it.
// Members are not submitted again: a short write stays short.
#pragma once

#include <array>
#include <span>
#include <tuple>
#include <utility>
#include <variant>

#include "uring/loop.h"

namespace urc {

class LinkGroup : public Cancelable {
public:
    bool failed() const noexcept;
    Error error() const;
    void request_cancel() noexcept override;

protected:
    LinkGroup() = default;
    ~LinkGroup() { URC_CHECK(left_ == 0); }

    bool begin(PromiseBase& task, Settling settling, std::span<Operation* const> members);
    // Drops the values of members that succeeded in a chain that failed: a descriptor must be closed.
    virtual void discard() noexcept = 0;

private:
    friend class Operation;

    void member_ended(const Operation& member) noexcept;
    void cancel_first_pending() noexcept;

    PromiseBase* task_ = nullptr;
    std::span<Operation* const> members_;
    std::size_t left_ = 0;
    Settling settling_ = Settling::ends_task;
    bool is_cancel_requested_ = false;
};

template <typename... Ops>
class [[nodiscard]] Linked final : public LinkGroup {
public:
    explicit Linked(Ops&... ops) noexcept : ops_(ops...), members_{static_cast<Operation*>(&ops)...} {}

    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> task) {
        return begin(task.promise(), Settling::ends_task);
    }
    auto await_resume() { return take(); }

    bool begin(PromiseBase& task, Settling settling) { return LinkGroup::begin(task, settling, members_); }
    auto take() {
        return std::apply([](Ops&... ops) { return std::tuple{take_one(ops)...}; }, ops_);
    }

private:
    template <typename Op>
    static auto take_one(Op& op) {
        if constexpr (std::is_void_v<decltype(op.take())>) {
            op.take();
            return std::monostate{};
        } else {
            return op.take();
        }
    }
    template <typename Op>
    static void drop_one(Op& op) noexcept {
        if (!op.failed()) (void)op.take();
    }
    void discard() noexcept override {
        std::apply([](Ops&... ops) { (drop_one(ops), ...); }, ops_);
    }

    std::tuple<Ops&...> ops_;
    std::array<Operation*, sizeof...(Ops)> members_;
};

// The operations are temporaries of the awaiting expression.
template <typename... Ops>
Linked<Ops...> linked(Ops&&... ops) noexcept {
    return Linked<Ops...>(ops...);
}

}  // namespace urc
