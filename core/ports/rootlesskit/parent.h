// Parent: connections into the namespace of a rootlesskit that is running, made by its child.
//
// It is the parent's half of message.h, beside rootlesskit's own: the child answers whoever has access to its
// directory. Only the connections come from there; what is carried never passes by it.
#pragma once

#include <chrono>
#include <string>

#include "core/ports/dialer.h"
#include "core/ports/rootlesskit/message.h"
#include "core/ports/waiters.h"
#include "uring/loop.h"

namespace urc::ports::rootlesskit {

class Parent final : public Dialer {
public:
    // Questions at a time: each takes a descriptor that nobody has counted.
    static constexpr unsigned kQuestionsMax = 32;
    // For one question, whatever the child waits for.
    static constexpr std::chrono::seconds kAnswerMax{30};
    // How often the child is tried when there are too many who want to talk to it.
    static constexpr unsigned kTriesMax = 10;

    // `directory`: rootlesskit's state directory.
    Parent(Loop& loop, std::string directory) noexcept : loop_(loop), path_(std::move(directory)) {}
    Parent(const Parent&) = delete;
    Parent& operator=(const Parent&) = delete;

    // Once, before dial(): the Error says why the child cannot be used.
    Task<void> start();

    Task<Fd> dial(const Spec& spec, Address client) override;

private:
    struct Reply {
        Fd socket;
        std::string error;
    };
    class Question;

    Task<Reply> ask(std::string frame);
    Task<Fd> connect();

    Loop& loop_;
    std::string path_;
    Fd directory_;
    unsigned questions_ = 0;
    Waiters waiters_;
};

}  // namespace urc::ports::rootlesskit
