#include <sys/stat.h>

#include "core/runtime.h"
#include "tests/core/state/state_fixture.h"

namespace urc {
namespace {

class RootTest : public state_test::StateTest {
protected:
    ~RootTest() override {
        ::unsetenv("XDG_RUNTIME_DIR");
        ::unsetenv("USER");
    }
    std::string given(const std::string& path) {
        auto root = find_state_root({.given = path});
        return root ? root->path : "error: " + root.error().text();
    }
    // Runs `find_state_root` as user 65534 and gives its answer.
    std::string as_nobody() {
        int answer[2];
        if (::pipe(answer) != 0) return "pipe";
        if (::fork() == 0) {
            if (::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
            auto root = find_state_root({.given = {}});
            const std::string text = root ? root->path : "error: " + root.error().text();
            (void)!::write(answer[1], text.data(), text.size());
            ::_exit(0);
        }
        ::close(answer[1]);
        char text[512];
        const ssize_t length = ::read(answer[0], text, sizeof text);
        ::close(answer[0]);
        ::wait(nullptr);
        return std::string(text, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    }
};

TEST_F(RootTest, AGivenRootBecomesAbsoluteAndClean) {
    EXPECT_EQ(given("/a/./b//c/../d/"), "/a/b/d");
    EXPECT_EQ(given("/../../a"), "/a");
    const std::string here = std::filesystem::current_path();
    EXPECT_EQ(given("x"), here + "/x");
    EXPECT_EQ(given("./x/.."), here);
    EXPECT_FALSE(find_state_root({.given = "/x"})->is_default);
}

TEST_F(RootTest, TheRootDirectoryAndNothingAreRefused) {
    std::string up = "..";
    for (int i = 0; i < 40; ++i) up += "/..";
    for (const std::string& path : {std::string("/"), std::string(), std::string("/a/.."), up})
        EXPECT_EQ(given(path).substr(0, 20), "error: option --root") << path;
}

TEST_F(RootTest, RealRootIgnoresXdg) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (state_test::slurp("/proc/self/uid_map").find("4294967295") == std::string::npos)
        GTEST_SKIP() << "runs in a user namespace";
    ::setenv("XDG_RUNTIME_DIR", base_.c_str(), 1);
    auto root = find_state_root({.given = {}, .program = "runc"});
    ASSERT_TRUE(root);
    EXPECT_EQ(root->path, "/run/runc");
    EXPECT_TRUE(root->is_default);
    EXPECT_FALSE(std::filesystem::exists(base_ + "/runc"));
}

TEST_F(RootTest, AnotherUserGetsAStickyDirectoryBelowXdg) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    ASSERT_EQ(::chmod(base_.c_str(), 0777), 0);
    ::setenv("XDG_RUNTIME_DIR", base_.c_str(), 1);
    EXPECT_EQ(as_nobody(), base_ + "/urc");
    struct stat info {};
    ASSERT_EQ(::stat((base_ + "/urc").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 01700u);
    EXPECT_EQ(info.st_uid, 65534u);
}

TEST_F(RootTest, AnXdgDirectoryThatCannotBeUsedIsToldWithAHint) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    ::setenv("XDG_RUNTIME_DIR", "/proc", 1);
    EXPECT_NE(as_nobody().find("error: XDG_RUNTIME_DIR is set but cannot be used"), std::string::npos);
}

TEST_F(RootTest, WithoutXdgAnotherUserGetsRunToo) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    ::unsetenv("XDG_RUNTIME_DIR");
    EXPECT_EQ(as_nobody(), "/run/urc");
}

}  // namespace
}  // namespace urc
