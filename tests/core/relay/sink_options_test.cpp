// --log-driver and --log-opt.
#include "core/relay/sink_options.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <climits>

namespace urc::relay {
namespace {

using Words = std::vector<std::string>;

std::vector<SinkOptions> parse(const Words& drivers, const Words& options = {}) {
    auto sinks = parse_sinks(drivers, options, "/c1/log");
    EXPECT_TRUE(sinks.ok()) << (sinks.ok() ? "" : sinks.error().text());
    return sinks.ok() ? *sinks : std::vector<SinkOptions>();
}

std::string error_of(const Words& drivers, const Words& options = {}, const std::string& path = "/c1/log") {
    auto sinks = parse_sinks(drivers, options, path);
    return sinks.ok() ? "none" : sinks.error().text();
}

TEST(SinkOptions, NothingAndNoneAreNoSinks) {
    EXPECT_TRUE(parse({}).empty());
    EXPECT_TRUE(parse({"none"}).empty());
}

TEST(SinkOptions, EveryKeyHasItsPlace) {
    auto sinks =
        parse({"k8s-file,path=/l,max-size=10m,max-files=3,stream=stderr,policy=spill,spill-size=2g,"
               "spill-dir=/s,buffer=1k"});
    ASSERT_EQ(sinks.size(), 1U);
    SinkOptions expected;
    expected.driver = Driver::k8s_file;
    expected.path = "/l";
    expected.size_max = 10 << 20;
    expected.files_max = 3;
    expected.takes_out = false;
    expected.policy = Policy::spill;
    expected.spill_size = 2ULL << 30;
    expected.spill_directory = "/s";
    expected.buffer_size = 1024;
    EXPECT_EQ(sinks[0], expected);
    sinks = parse({"journald,tag=web,socket=/j", "fd,fd=7,policy=drop", "fifo,path=/f", "null"});
    ASSERT_EQ(sinks.size(), 4U);
    EXPECT_EQ(sinks[0].tag, "web");
    EXPECT_EQ(sinks[0].socket, "/j");
    EXPECT_EQ(sinks[1].fd, 7);
    EXPECT_EQ(sinks[1].policy, Policy::drop);
    EXPECT_EQ(sinks[2].path, "/f");
    EXPECT_EQ(sinks[3].driver, Driver::null);
}

TEST(SinkOptions, ALogOptIsForEverySinkThatHasNotGotItItself) {
    auto sinks =
        parse({"k8s-file,max-size=1m", "raw-file,path=/r", "fd,fd=3"}, {"max-size=2m", "max-files=4"});
    ASSERT_EQ(sinks.size(), 3U);
    EXPECT_EQ(sinks[0].size_max, 1U << 20);
    EXPECT_EQ(sinks[1].size_max, 2U << 20);
    EXPECT_EQ(sinks[0].files_max, 4U);
    EXPECT_EQ(sinks[1].files_max, 4U);
    EXPECT_EQ(sinks[2].files_max, 1U);
}

TEST(SinkOptions, FilesWithoutPathGetTheDefaultOne) {
    EXPECT_EQ(parse({"k8s-file"})[0].path, "/c1/log");
    auto sinks = parse({"k8s-file", "json-file", "raw-file,path=/r"});
    EXPECT_EQ(sinks[0].path, "/c1/log.k8s-file");
    EXPECT_EQ(sinks[1].path, "/c1/log.json-file");
    EXPECT_EQ(sinks[2].path, "/r");
}

TEST(SinkOptions, RelativePathsBeginAtTheWorkingDirectory) {
    char directory[PATH_MAX];
    ASSERT_TRUE(::getcwd(directory, sizeof directory));
    EXPECT_EQ(parse({"k8s-file,path=a/b"})[0].path, std::string(directory) + "/a/b");
}

TEST(SinkOptions, SizesArePowersOf1024) {
    auto size = [](const char* text) {
        return parse({std::string("raw-file,max-size=") + text})[0].size_max;
    };
    EXPECT_EQ(size("1"), 1U);
    EXPECT_EQ(size("64k"), 64U << 10);
    EXPECT_EQ(size("10M"), 10U << 20);
    EXPECT_EQ(size("1gb"), 1U << 30);
    EXPECT_EQ(size("-1"), 0U);
}

TEST(SinkOptions, AnErrorNamesTheWord) {
    EXPECT_EQ(error_of({"k8s"}), "--log-driver: \"k8s\": no such driver");
    EXPECT_EQ(error_of({"K8S-FILE"}), "--log-driver: \"K8S-FILE\": no such driver");
    EXPECT_EQ(error_of({""}), "--log-driver: \"\": no such driver");
    EXPECT_EQ(error_of({"none", "null"}), "--log-driver: none: there must be no other driver");
    EXPECT_EQ(error_of({"none,stream=both"}), "--log-driver: stream: not an option of none");
    EXPECT_EQ(error_of({"none"}, {"path=/x"}),
              "--log-opt: path: not an option of any --log-driver that is given");
    EXPECT_EQ(error_of({}, {"path=/x"}), "--log-opt: \"path=/x\": needs a --log-driver");
    EXPECT_EQ(error_of({"fd"}), "--log-driver: fd: needs fd=");
    EXPECT_EQ(error_of({"fifo"}), "--log-driver: fifo: needs path=");
    EXPECT_EQ(error_of({"k8s-file"}, {}, ""), "--log-driver: k8s-file: needs path=");
    EXPECT_EQ(error_of({"fd,fd=3,path=/x"}), "--log-driver: path: not an option of fd");
    EXPECT_EQ(error_of({"k8s-file"}, {"labels=a"}), "--log-opt: labels: no such option");
    EXPECT_EQ(error_of({"k8s-file"}, {"path"}), "--log-opt: \"path\": not KEY=VALUE");
    EXPECT_EQ(error_of({"k8s-file,"}), "--log-driver: \"\": not KEY=VALUE");
    EXPECT_EQ(error_of({"k8s-file"}, {"path=/a", "path=/b"}), "--log-opt: path: given twice");
    EXPECT_EQ(error_of({"k8s-file,path=/a", "raw-file,path=/a"}),
              "--log-driver: raw-file: path: \"/a\": used by another sink, too");
    EXPECT_EQ(error_of({"k8s-file,max-files=3"}), "--log-driver: k8s-file: max-files: needs max-size=");
    EXPECT_EQ(error_of({"k8s-file,spill-size=3"}), "--log-driver: k8s-file: spill-size: needs policy=spill");
    EXPECT_EQ(error_of({"k8s-file"}, {"stream=out"}),
              "--log-opt: stream: \"out\": not stdout, stderr or both");
    EXPECT_EQ(error_of({"k8s-file"}, {"policy=Block"}),
              "--log-opt: policy: \"Block\": not block, drop or spill");
    EXPECT_EQ(error_of({"k8s-file"}, {"path="}), "--log-opt: path: \"\": not a path");
    EXPECT_EQ(error_of({"fd,fd=-1"}), "--log-driver: fd: \"-1\": not a descriptor");
    EXPECT_EQ(error_of({"fd,fd=1x"}), "--log-driver: fd: \"1x\": not a descriptor");
    EXPECT_EQ(error_of({"journald"}, {"tag="}), "--log-opt: tag: \"\": empty, or too long");
}

TEST(SinkOptions, ASizeIsAllOfTheWordOrNothing) {
    for (const char* word : {"10x", "", "0", "k", "-2", " 1", "1 ", "+1", "0x10", "1.5m",
                             "99999999999999999999", "9223372036854775807k", "1kk", "b"})
        EXPECT_EQ(error_of({"k8s-file"}, {std::string("max-size=") + word}),
                  std::string("--log-opt: max-size: \"") + word + "\": not a size (10m, 64k, 1g)");
    EXPECT_EQ(error_of({"k8s-file,buffer=-1"}), "--log-driver: buffer: \"-1\": not a size (10m, 64k, 1g)");
    EXPECT_EQ(error_of({"k8s-file,buffer=2g"}), "--log-driver: buffer: \"2g\": more than 1g");
    for (const char* word : {"0", "1001", "x", "", "-1"})
        EXPECT_EQ(error_of({"k8s-file,max-size=1m"}, {std::string("max-files=") + word}),
                  std::string("--log-opt: max-files: \"") + word + "\": not a number from 1 to 1000");
}

}  // namespace
}  // namespace urc::relay
