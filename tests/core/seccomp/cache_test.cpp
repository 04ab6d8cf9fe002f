#include "core/seccomp/cache.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "core/seccomp/seccomp.h"
#include "tests/core/seccomp/judge.h"
#include "uring/file.h"

namespace urc::seccomp {
namespace {

namespace fs = std::filesystem;

bool same(const Program& a, const Program& b) {
    return a.instructions.size() == b.instructions.size() && a.flags == b.flags &&
           a.has_notify == b.has_notify && a.listener_path == b.listener_path &&
           a.listener_metadata == b.listener_metadata &&
           std::memcmp(a.instructions.data(), b.instructions.data(),
                       a.instructions.size() * sizeof(sock_filter)) == 0;
}

constexpr std::string_view kAllow = R"({"defaultAction":"SCMP_ACT_ERRNO","listenerPath":"/run/agent",
    "listenerMetadata":"m", "syscalls":[{"names":["read"],"action":"SCMP_ACT_NOTIFY"}]})";

class SeccompCache : public testing::Test {
protected:
    void SetUp() override {
        char path[] = "/tmp/urc-seccomp-cache-XXXXXX";
        ASSERT_NE(mkdtemp(path), nullptr);
        root_path_ = path;
        root_ = std::move(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY).value());
    }
    void TearDown() override { fs::remove_all(root_path_); }

    fs::path directory() const { return root_path_ / ".cache/seccomp"; }
    fs::path file(std::string_view section) const { return directory() / cache_name(section); }
    bool is_hit(std::string_view section) const { return find_cached(root_.get(), section).has_value(); }

    std::string contents(std::string_view section) const {
        return read_file_at(AT_FDCWD, file(section).c_str()).value();
    }
    void overwrite(std::string_view section, std::string_view bytes) const {
        auto fd = open_at(AT_FDCWD, file(section).c_str(), O_WRONLY | O_TRUNC | O_CREAT, 0600);
        ASSERT_TRUE(fd.ok() && write_all(fd->get(), bytes, "cache file").ok());
    }
    // A good file for kAllow, and a check that prepare() repairs whatever `spoil` makes of it.
    void expect_repaired_after(auto spoil) {
        auto first = prepare(kAllow, root_.get());
        ASSERT_TRUE(first.ok() && is_hit(kAllow));
        spoil();
        EXPECT_FALSE(is_hit(kAllow));
        auto again = prepare(kAllow, root_.get());
        ASSERT_TRUE(again.ok());
        EXPECT_TRUE(same(*first, *again));
        EXPECT_TRUE(is_hit(kAllow));
    }

    fs::path root_path_;
    Fd root_;
};

TEST_F(SeccompCache, HitGivesTheSameProgramAsTheCompiler) {
    std::string docker;
    (void)seccomp_test::docker_profile(&docker);
    for (std::string_view section : {std::string_view(docker), kAllow}) {
        EXPECT_FALSE(is_hit(section));
        auto compiled = prepare(section, root_.get());
        ASSERT_TRUE(compiled.ok());
        auto cached = find_cached(root_.get(), section);
        ASSERT_TRUE(cached.has_value());
        EXPECT_TRUE(same(*compiled, *cached));
        EXPECT_TRUE(same(*cached, compile(section).value()));
    }
    EXPECT_EQ(find_cached(root_.get(), kAllow)->listener_path, "/run/agent");
    EXPECT_TRUE(find_cached(root_.get(), kAllow)->has_notify);
}

TEST_F(SeccompCache, TextThatDiffersInOneByteIsNoHit) {
    ASSERT_TRUE(prepare(kAllow, root_.get()).ok());
    std::string other(kAllow);
    other += ' ';
    EXPECT_FALSE(is_hit(other));
}

TEST_F(SeccompCache, FileOfAnotherProfileUnderTheRightNameIsNoHit) {
    // What a crafted collision of the hash would amount to.
    std::string other(kAllow);
    other.replace(other.find("read"), 4, "open");
    ASSERT_TRUE(prepare(other, root_.get()).ok());
    ASSERT_EQ(other.size(), kAllow.size());
    expect_repaired_after([&] { overwrite(kAllow, contents(other)); });
}

TEST_F(SeccompCache, FileCutOffAnywhereIsNoHit) {
    ASSERT_TRUE(prepare(kAllow, root_.get()).ok());
    const std::string whole = contents(kAllow);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        overwrite(kAllow, whole.substr(0, size));
        ASSERT_FALSE(is_hit(kAllow)) << size;
    }
    overwrite(kAllow, whole + "x");
    EXPECT_FALSE(is_hit(kAllow));
    expect_repaired_after([&] { overwrite(kAllow, whole.substr(0, whole.size() / 2)); });
}

TEST_F(SeccompCache, FileWithAnyByteChangedIsNoHit) {
    ASSERT_TRUE(prepare(kAllow, root_.get()).ok());
    const std::string whole = contents(kAllow);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string spoiled = whole;
        spoiled[at] = static_cast<char>(spoiled[at] ^ 0x10);
        overwrite(kAllow, spoiled);
        ASSERT_FALSE(is_hit(kAllow)) << at;
    }
    overwrite(kAllow, whole);
    EXPECT_TRUE(is_hit(kAllow));
}

TEST_F(SeccompCache, FileThatOthersMayWriteOrOwnIsNoHit) {
    expect_repaired_after([&] { ASSERT_EQ(chmod(file(kAllow).c_str(), 0620), 0); });
    expect_repaired_after([&] { ASSERT_EQ(chmod(file(kAllow).c_str(), 0602), 0); });
    if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
    expect_repaired_after([&] { ASSERT_EQ(chown(file(kAllow).c_str(), 4242, 4242), 0); });
}

TEST_F(SeccompCache, LinksAndFifosInPlaceOfTheFileAreNoHit) {
    expect_repaired_after([&] {
        fs::rename(file(kAllow), root_path_ / "elsewhere");
        fs::create_symlink(root_path_ / "elsewhere", file(kAllow));
    });
    expect_repaired_after([&] {
        fs::remove(file(kAllow));
        ASSERT_EQ(mkfifo(file(kAllow).c_str(), 0600), 0);
    });
}

TEST_F(SeccompCache, DirectoryThatIsALinkOrOpenToOthersIsNotUsed) {
    fs::create_directories(root_path_ / "other/seccomp");
    fs::create_directory_symlink("other", root_path_ / ".cache");
    EXPECT_TRUE(prepare(kAllow, root_.get()).ok());
    EXPECT_TRUE(fs::is_empty(root_path_ / "other/seccomp"));
    fs::remove(root_path_ / ".cache");
    fs::create_directories(directory());
    ASSERT_EQ(chmod(directory().c_str(), 0777), 0);
    EXPECT_TRUE(prepare(kAllow, root_.get()).ok());
    EXPECT_TRUE(fs::is_empty(directory()));
}

TEST_F(SeccompCache, DirectoryInPlaceOfTheFileIsNoError) {
    fs::create_directories(file(kAllow) / "inside");
    EXPECT_TRUE(prepare(kAllow, root_.get()).ok());
    EXPECT_FALSE(is_hit(kAllow));
    EXPECT_EQ(std::distance(fs::directory_iterator(directory()), {}), 1) << "an unfinished file is left";
}

TEST_F(SeccompCache, ReadOnlyRootIsNoError) {
    if (mount("none", root_path_.c_str(), "tmpfs", MS_RDONLY, nullptr) != 0)
        GTEST_SKIP() << "no mount: " << errno_text(errno);
    Fd root = std::move(open_at(AT_FDCWD, root_path_.c_str(), O_RDONLY | O_DIRECTORY).value());
    auto program = prepare(kAllow, root.get());
    root.reset();
    ASSERT_EQ(umount2(root_path_.c_str(), MNT_DETACH), 0);
    ASSERT_TRUE(program.ok());
    EXPECT_FALSE(program->instructions.empty());
}

TEST_F(SeccompCache, NoRootMeansNoCacheAndABadProfileLeavesNothing) {
    EXPECT_TRUE(prepare(kAllow, -1).ok());
    EXPECT_FALSE(prepare("{", root_.get()).ok());
    EXPECT_TRUE(fs::is_empty(root_path_));
    EXPECT_TRUE(prepare("{}", root_.get())->instructions.empty());
    EXPECT_TRUE(fs::is_empty(root_path_));
}

TEST_F(SeccompCache, KeepsTheYoungestSixtyFour) {
    auto section = [](int n) {
        return R"({"defaultAction":"SCMP_ACT_ALLOW","note":)" + std::to_string(n) + "}";
    };
    for (int n = 0; n < 70; ++n) {
        ASSERT_TRUE(prepare(section(n), root_.get()).ok());
        // The clock of a file system is coarse: give each file an age of its own.
        const timespec times[2] = {{.tv_sec = 1000 + n, .tv_nsec = 0}, {.tv_sec = 1000 + n, .tv_nsec = 0}};
        ASSERT_EQ(utimensat(AT_FDCWD, file(section(n)).c_str(), times, 0), 0);
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(directory()), {}), 64);
    EXPECT_FALSE(is_hit(section(5)));
    EXPECT_TRUE(is_hit(section(6)));
    EXPECT_TRUE(is_hit(section(69)));
}

TEST_F(SeccompCache, ManyWritersAtOnceLeaveOneGoodFile) {
    std::string docker;
    (void)seccomp_test::docker_profile(&docker);
    const Program expected = compile(docker).value();
    std::vector<pid_t> children;
    for (int n = 0; n < 8; ++n) {
        pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            for (int round = 0; round < 20; ++round) {
                auto program = prepare(docker, root_.get());
                if (!program.ok() || !same(*program, expected)) _exit(1);
                if (round % 3 == 0)
                    (void)unlinkat(root_.get(), (".cache/seccomp/" + cache_name(docker)).c_str(), 0);
            }
            _exit(0);
        }
        children.push_back(child);
    }
    for (pid_t child : children) {
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    ASSERT_TRUE(prepare(docker, root_.get()).ok());
    EXPECT_TRUE(is_hit(docker));
    EXPECT_EQ(std::distance(fs::directory_iterator(directory()), {}), 1);
}

}  // namespace
}  // namespace urc::seccomp
