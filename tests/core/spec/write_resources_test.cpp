// What is written is read again as the same.
#include "core/spec/write_resources.h"

#include <gtest/gtest.h>

#include "core/spec/parse.h"
#include "tests/core/spec/documents.h"

namespace urc {
namespace {

std::string written(const spec::Resources& resources) {
    std::string text;
    JsonWriter json(text);
    write_resources(json, resources);
    return text;
}

TEST(WriteResources, EveryFieldComesBack) {
    auto spec = parse_spec(test::kEveryField);
    ASSERT_TRUE(spec);
    const std::string text = written(spec->linux.resources);
    for (const char* field : {"\"limit\":",
                              "\"reservation\":",
                              "\"swap\":",
                              "\"kernelTCP\":",
                              "\"swappiness\":",
                              "\"disableOOMKiller\":",
                              "\"shares\":",
                              "\"quota\":",
                              "\"burst\":",
                              "\"period\":",
                              "\"realtimeRuntime\":",
                              "\"realtimePeriod\":",
                              "\"cpus\":",
                              "\"mems\":",
                              "\"idle\":",
                              "\"pids\":",
                              "\"weight\":",
                              "\"leafWeight\":",
                              "\"weightDevice\":",
                              "\"throttleReadBpsDevice\":",
                              "\"throttleWriteBpsDevice\":",
                              "\"throttleReadIOPSDevice\":",
                              "\"throttleWriteIOPSDevice\":",
                              "\"hugepageLimits\":",
                              "\"classID\":",
                              "\"priorities\":",
                              "\"hcaHandles\":",
                              "\"hcaObjects\":",
                              "\"unified\":"})
        EXPECT_NE(text.find(field), std::string::npos) << field << " is not in " << text;
    auto again = parse_resources(text);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(written(*again), text);
    EXPECT_TRUE(again->devices.empty());
}

TEST(WriteResources, NothingSetIsAnEmptyObject) {
    EXPECT_EQ(written({}), "{}");
}

}  // namespace
}  // namespace urc
