// Containers, and a criu in $PATH that does what the test says (fake_criu.py).
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "container_test.h"
#include "core/criu/rpc.h"

namespace urc::testing {

class CriuTest : public ContainerTest {
protected:
    void SetUp() override;
    void TearDown() override;

    // What criu does from now on.
    void criu_does(const std::string& words);
    // The fields of criu_opts in the last request: "13=/root", "23=..." (messages in raw bytes).
    std::vector<std::string> asked_options() const;
    bool was_asked(const std::string& option) const;

    // Runs a detached container that sleeps.
    void run_sleeper();
    // Kills what is still there of it, and reaps.
    void remove_container();
    void reap_children();
    std::string status() const;

    std::string images_;

private:
    std::string path_;
};

}  // namespace urc::testing
