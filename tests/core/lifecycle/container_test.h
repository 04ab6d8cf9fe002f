// A bundle with busybox in a temporary directory, a state root beside it, and the question whether a
// container left anything behind. For tests that start real containers: as root, with busybox-static.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/lifecycle/launch.h"
#include "core/log.h"
#include "core/runtime.h"

namespace urc::testing {

class ContainerTest : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    // Writes config.json: runc's example with the given program; `linux_extra` is put in front of linux'
    // fields.
    void write_config(const std::vector<std::string>& args, const std::string& linux_extra = {});
    void write_file(const std::string& path, const std::string& text);

    Global global() const { return Global{.root = root_, .log = log_, .rdt_host = rdt_host_}; }
    CreateOptions options() const;

    // The runtime's own, for every test with this fixture: what has been started must hold nothing of urc's
    // or of the host's (CVE-2024-21626). `passed`: descriptors from 3 on that belong to it.
    Result<void> release(const Global& global, Launched& container, unsigned passed = 0) const;
    Result<void> start(const Global& global, std::string_view id) const;

    // What is there of `id_` outside of this process: empty when nothing is. For a failure's message.
    std::string leftovers() const;

    std::string directory_, bundle_, root_, id_;
    Log log_;
    rdt::Host rdt_host_;

private:
    void expect_holds_nothing(pid_t init, unsigned passed) const;

    std::string mountinfo_;
    std::size_t fds_ = 0;
};

}  // namespace urc::testing
