#include "criu_test.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/criu/wire.h"
#include "uring/file.h"

namespace urc::testing {

void CriuTest::SetUp() {
    ContainerTest::SetUp();
    if (IsSkipped()) return;
    if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "fake_criu.py needs /usr/bin/python3";
    const char* path = std::getenv("PATH");
    path_ = path ? path : "";
    const std::string programs = directory_ + "/programs";
    ASSERT_EQ(::mkdir(programs.c_str(), 0755), 0);
    write_file(programs + "/criu", "#!/bin/sh\nexec /usr/bin/python3 -I -S " URC_SOURCE_DIR
                                   "/tests/core/lifecycle/fake_criu.py \"$@\"\n");
    ASSERT_EQ(::chmod((programs + "/criu").c_str(), 0755), 0);
    ::setenv("PATH", (programs + ":" + path_).c_str(), 1);
    ::setenv("FAKE_CRIU_RECORD", (directory_ + "/request").c_str(), 1);
    images_ = directory_ + "/images";
}

void CriuTest::TearDown() {
    if (!path_.empty()) {
        remove_container();
        ::setenv("PATH", path_.c_str(), 1);
        ::unsetenv("FAKE_CRIU");
        ::unsetenv("FAKE_CRIU_RECORD");
    }
    ContainerTest::TearDown();
}

void CriuTest::criu_does(const std::string& words) {
    ::setenv("FAKE_CRIU", words.c_str(), 1);
}

std::vector<std::string> CriuTest::asked_options() const {
    std::vector<std::string> options;
    auto request = read_file_at(AT_FDCWD, (directory_ + "/request").c_str());
    if (!request.ok()) return options;
    criu::WireReader outer(*request);
    while (!outer.at_end()) {
        auto field = outer.next();
        if (!field.ok() || field->field != 2) continue;
        criu::WireReader inner(field->text);
        while (!inner.at_end()) {
            auto option = inner.next();
            if (!option.ok()) return options;
            options.push_back(std::to_string(option->field) + "=" +
                              (option->is_text ? std::string(option->text) : std::to_string(option->number)));
        }
    }
    return options;
}

bool CriuTest::was_asked(const std::string& option) const {
    const auto options = asked_options();
    return std::find(options.begin(), options.end(), option) != options.end();
}

void CriuTest::run_sleeper() {
    write_config({"/bin/sleep", "1000"});
    CreateOptions create = options();
    create.detach = true;
    auto ran = run(global(), create);
    ASSERT_TRUE(ran.ok()) << ran.error().text();
    ASSERT_EQ(status(), "running");
}

void CriuTest::remove_container() {
    auto removed = remove(global(), id_, {.force = true});
    EXPECT_TRUE(removed.ok()) << removed.error().text();
    reap_children();
}

void CriuTest::reap_children() {
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
}

std::string CriuTest::status() const {
    auto view = state(global(), id_);
    return view.ok() ? std::string(status_word(view->status)) : view.error().text();
}

}  // namespace urc::testing
