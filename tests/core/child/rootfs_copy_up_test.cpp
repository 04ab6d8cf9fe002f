// tmpcopyup: what a new tmpfs has from the directory that it hides.
#include <sys/xattr.h>

#include "tests/core/child/rootfs_fixture.h"

namespace urc::child::testing {
namespace {

class RootfsCopyUp : public RootfsTest {
protected:
    void SetUp() override {
        RootfsTest::SetUp();
        if (bundle_.empty()) return;
        hidden_ = rootfs_ + "/hidden";
        std::filesystem::create_directories(hidden_ + "/a/b");
        spill(hidden_ + "/a/b/file", "content");
    }
    void copy_up(std::vector<std::string> options = {}, const char* destination = "/hidden") {
        options.insert(options.begin(), "tmpcopyup");
        mount(destination, "tmpfs", "tmpfs", std::move(options));
    }
    std::string hidden_;
};

bool is_like(const std::string& path, mode_t mode, uid_t uid, gid_t gid) {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0 && status.st_mode == mode && status.st_uid == uid &&
           status.st_gid == gid;
}

TEST_F(RootfsCopyUp, EverythingComesWithModeAndOwner) {
    std::string big(3 << 20, 'x');
    spill(hidden_ + "/big", big);
    spill(hidden_ + "/empty", "");
    ASSERT_EQ(::symlink("/nowhere/at/all", (hidden_ + "/link").c_str()), 0);
    ASSERT_EQ(::lchown((hidden_ + "/link").c_str(), 3, 4), 0);
    ASSERT_EQ(::mkfifo((hidden_ + "/fifo").c_str(), 0640), 0);
    ASSERT_EQ(::mknod((hidden_ + "/null").c_str(), S_IFCHR | 0660, makedev(1, 3)), 0);
    ASSERT_EQ(::chmod((hidden_ + "/null").c_str(), 0660), 0);
    ASSERT_EQ(::chown((hidden_ + "/a/b/file").c_str(), 5, 6), 0);
    ASSERT_EQ(::chmod((hidden_ + "/a/b/file").c_str(), 06754), 0);
    ASSERT_EQ(::chown((hidden_ + "/a").c_str(), 7, 8), 0);
    ASSERT_EQ(::chmod((hidden_ + "/a").c_str(), 03701), 0);
    ASSERT_EQ(::chmod(hidden_.c_str(), 01751), 0);
    copy_up();
    EXPECT_EQ(run([&](RootfsPlan&) -> std::string {
                  URC_NEED(has_word(mount_line("/hidden"), "tmpfs"));
                  URC_NEED(mode_of("/hidden") == 01751);
                  URC_NEED(is_like("/hidden/a", S_IFDIR | 03701, 7, 8));
                  URC_NEED(is_like("/hidden/a/b/file", S_IFREG | 06754, 5, 6));
                  URC_NEED(slurp("/hidden/a/b/file") == "content");
                  URC_NEED(slurp("/hidden/big") == big);
                  URC_NEED(exists("/hidden/empty"));
                  URC_NEED(is_like("/hidden/link", S_IFLNK | 0777, 3, 4));
                  URC_NEED(std::filesystem::read_symlink("/hidden/link") == "/nowhere/at/all");
                  URC_NEED(is_like("/hidden/fifo", S_IFIFO | 0640, 0, 0));
                  URC_NEED(is_device("/hidden/null", 1, 3) && mode_of("/hidden/null") == 0660);
                  spill("/hidden/a/b/file", "changed");
                  return "";
              }),
              "");
    EXPECT_EQ(slurp(hidden_ + "/a/b/file"), "content");
}

TEST_F(RootfsCopyUp, ExtendedAttributesComeAlong) {
    std::string file = hidden_ + "/a/b/file";
    // cap_net_raw+ep, revision 2 of vfs_cap_data.
    const std::string capability{
        "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20};
    ASSERT_EQ(::setxattr(file.c_str(), "security.capability", capability.data(), capability.size(), 0), 0);
    ASSERT_EQ(::setxattr(file.c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
    copy_up();
    EXPECT_EQ(run([&](RootfsPlan&) -> std::string {
                  std::array<char, 64> value;
                  ssize_t size =
                      ::getxattr("/hidden/a/b/file", "security.capability", value.data(), value.size());
                  URC_NEED(size == 20 && capability == std::string(value.data(), 20));
                  URC_NEED(::getxattr("/hidden/a/b/file", "trusted.overlay.opaque", value.data(), 1) < 0);
                  return "";
              }),
              "");
}

TEST_F(RootfsCopyUp, ReadonlyTmpfsIsFilledFirst) {
    copy_up({"ro"});
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(slurp("/hidden/a/b/file") == "content");
                  URC_NEED(::mkdir("/hidden/new", 0755) < 0 && errno == EROFS);
                  return "";
              }),
              "");
}

TEST_F(RootfsCopyUp, DirectoryThatHadToBeMadeIsEmpty) {
    mount_dev();
    copy_up({}, "/made/here");
    copy_up({}, "/dev/made");
    EXPECT_EQ(run([](RootfsPlan&) -> std::string {
                  URC_NEED(std::filesystem::is_empty("/made/here") && mode_of("/made/here") == 01777);
                  URC_NEED(std::filesystem::is_empty("/dev/made"));
                  return "";
              }),
              "");
}

// The destination itself may be a symlink, and leads to where the container's own would.
TEST_F(RootfsCopyUp, NoSymlinkLeadsOutOfTheRoot) {
    std::filesystem::create_directories(bundle_ + "/outside");
    spill(bundle_ + "/outside/secret", "secret");
    std::filesystem::create_symlink(bundle_ + "/outside", rootfs_ + "/absolute");
    std::filesystem::create_symlink(bundle_ + "/outside", hidden_ + "/a/out");
    copy_up({}, "/absolute");
    copy_up();
    EXPECT_EQ(run([&](RootfsPlan&) -> std::string {
                  URC_NEED(std::filesystem::is_empty(bundle_ + "/outside"));
                  URC_NEED(std::filesystem::is_symlink("/hidden/a/out"));
                  return "";
              }),
              "");
}

TEST_F(RootfsCopyUp, TmpfsThatIsTooSmallIsAnErrorThatNamesTheFile) {
    spill(hidden_ + "/a/b/file", std::string(1 << 20, 'x'));
    copy_up({"size=64k"});
    EXPECT_EQ(run(), "mount tmpfs on /hidden: copy up: a/b/file: No space left on device");
}

TEST_F(RootfsCopyUp, TreeThatIsTooDeepIsAnError) {
    std::string deep = hidden_;
    for (int i = 0; i < 130; ++i) deep += "/d";
    std::filesystem::create_directories(deep);
    copy_up();
    EXPECT_EQ(run(), "mount tmpfs on /hidden: copy up: more than 128 directories deep");
}

TEST_F(RootfsCopyUp, OwnerThatTheUserNamespaceDoesNotKnowIsAnError) {
    options_.is_userns = true;
    Course course;
    course.has_userns = true;
    course.uid_map = "0 100000 10";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(bundle_))
        ASSERT_EQ(::lchown(entry.path().c_str(), 100000, 100000), 0);
    copy_up();
    EXPECT_EQ(run(course), "");
    ASSERT_EQ(::chown((hidden_ + "/a/b/file").c_str(), 1, 1), 0);
    EXPECT_EQ(run(course), "mount tmpfs on /hidden: copy up: a/b/file: Invalid argument");
}

TEST_F(RootfsCopyUp, OnlyATmpfsCanHaveIt) {
    bind(hidden_, "/x", {"tmpcopyup"});
    EXPECT_EQ(run(), "mount bind on /x: tmpcopyup is for a tmpfs only");
}

}  // namespace
}  // namespace urc::child::testing
