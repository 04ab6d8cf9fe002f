// Requests byte by byte, and responses of all kinds.
#include "core/criu/rpc.h"

#include <gtest/gtest.h>
#include <sched.h>

#include "core/criu/wire.h"

namespace urc::criu {
namespace {

using std::string_literals::operator""s;

// The fields of a message as "number=value" lines, in their order; nested messages as raw text.
std::string describe(std::string_view message) {
    std::string text;
    WireReader reader(message);
    while (!reader.at_end()) {
        auto field = reader.next();
        if (!field.ok()) return text + "broken";
        text += std::to_string(field->field) + "=";
        text += field->is_text ? std::string(field->text) : std::to_string(field->number);
        text += "\n";
    }
    return text;
}

std::string options_of(const std::string& request) {
    WireReader reader(request);
    while (!reader.at_end()) {
        auto field = reader.next();
        if (field->field == 2) return std::string(field->text);
    }
    return {};
}

TEST(CriuRpc, SmallRequestsAreTheseBytes) {
    EXPECT_EQ(encode_version_request(), "\x08\x0a\x20\x01"s);
    EXPECT_EQ(encode_feature_request({.memory_tracking = true}), "\x08\x09\x20\x01\x2a\x02\x08\x01"s);
    EXPECT_EQ(encode_notify_reply(true), "\x08\x06\x18\x01"s);
    EXPECT_EQ(encode_notify_reply(false), "\x08\x06\x18\x00"s);
}

TEST(CriuRpc, ARequestWithoutSwitchesHasOnlyWhatIsNeeded) {
    Options options;
    options.images_fd = 4;
    options.work_fd = 5;
    options.log_file = "dump.log";
    options.pid = 77;
    const std::string request = encode_request(RequestType::dump, options);
    EXPECT_EQ(request.substr(0, 3), "\x08\x01\x12"s);
    EXPECT_EQ(describe(options_of(request)), "1=4\n2=77\n12=1\n50=1\n9=4\n10=dump.log\n17=5\n34=6\n38=0\n");
}

TEST(CriuRpc, EverySwitchHasItsField) {
    Options options;
    options.leave_running = options.external_unix_sockets = options.tcp_established = true;
    options.evasive_devices = options.shell_job = options.file_locks = options.track_memory = true;
    options.auto_dedup = options.link_remap = options.restores_sibling = true;
    options.tcp_skip_in_flight = options.lazy_pages = options.tcp_close = true;
    options.empty_namespaces = CLONE_NEWNET;
    options.status_fd = 9;
    options.cgroups_mode = CgroupsMode::strict;
    const std::string text = describe(options_of(encode_request(RequestType::restore, options)));
    for (int field : {3, 4, 5, 6, 7, 8, 12, 15, 16, 18, 26, 46, 48, 50, 52})
        EXPECT_NE(("\n" + text).find("\n" + std::to_string(field) + "=1\n"), text.npos) << field;
    EXPECT_NE(text.find("\n34=5\n"), text.npos);
    EXPECT_NE(text.find("\n38=1073741824\n"), text.npos);
    EXPECT_NE(text.find("\n49=9\n"), text.npos);
}

TEST(CriuRpc, TextsAndListsHaveTheirFields) {
    Options options;
    options.root = "/r";
    options.parent_images = "../p";
    options.freeze_cgroup = "/f";
    options.config_file = "/c";
    options.lsm_profile = "apparmor:x";
    options.lsm_mount_context = "ctx";
    options.page_server_address = "::1";
    options.page_server_port = 270;
    options.mounts = {{"/a", "/b"}};
    options.cgroup_roots = {{"", "/g"}};
    options.inherited = {{"pipe:[1]", 1}};
    options.external = {"net[5]:extRootNetNS"};
    options.join_namespaces = {{"ipc", "/i"}};
    EXPECT_EQ(
        describe(options_of(encode_request(RequestType::restore, options))),
        "1=18446744073709551615\n12=1\n50=1\n9=4\n11=\x0a\x03::1\x10\x8e\x02\n13=/r\n14=../p\n34=6\n38=0\n"
        "44=/f\n51=/c\n53=apparmor:x\n63=ctx\n23=\x0a\x02/a\x12\x02/b\n25=\x0a\x00\x12\x02/g\n"
        "27=\x0a\x08pipe:[1]\x10\x01\n37=net[5]:extRootNetNS\n39=\x0a\x03ipc\x12\x02/i\n"s);
}

TEST(CriuRpc, ReadsAResponseOfEachKind) {
    auto notify = decode_response("\x08\x06\x10\x01\x2a\x0f\x0a\x0cpost-restore\x10"s + "*"s);
    ASSERT_FALSE(notify.ok());  // the inner length is one too small
    notify = decode_response("\x08\x06\x10\x01\x2a\x10\x0a\x0cpost-restore\x10*"s);
    ASSERT_TRUE(notify.ok());
    EXPECT_EQ(notify->type, RequestType::notify);
    EXPECT_TRUE(notify->is_success);
    EXPECT_EQ(notify->script, "post-restore");
    EXPECT_EQ(notify->pid, 42);

    auto failed = decode_response("\x08\x01\x10\x00\x38\x16\x4a\x05where"s);
    ASSERT_TRUE(failed.ok());
    EXPECT_FALSE(failed->is_success);
    EXPECT_EQ(failed->code, 22);
    EXPECT_EQ(failed->message, "where");

    auto version = decode_response("\x08\x0a\x10\x01\x52\x06\x08\x03\x10\x11\x20\x01"s);
    ASSERT_TRUE(version.ok());
    EXPECT_EQ(version->version, 31701u);
    version = decode_response("\x08\x0a\x10\x01\x52\x09\x08\x03\x10\x11\x1a\x01g\x20\x01"s);
    ASSERT_TRUE(version.ok());
    EXPECT_EQ(version->version, 31800u);  // a build on the way to 3.18

    auto features = decode_response("\x08\x09\x10\x01\x42\x04\x08\x01\x10\x00"s);
    ASSERT_TRUE(features.ok());
    EXPECT_TRUE(features->features.memory_tracking);
    EXPECT_FALSE(features->features.lazy_pages);

    auto restored = decode_response("\x08\x02\x10\x01\x22\x03\x08\xac\x02"s);
    ASSERT_TRUE(restored.ok());
    EXPECT_EQ(restored->pid, 300);
}

TEST(CriuRpc, APidThatCannotBeIsNone) {
    auto restored = decode_response("\x08\x02\x10\x01\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
    ASSERT_TRUE(restored.ok());
    EXPECT_EQ(restored->pid, 0);
}

TEST(CriuRpc, RefusesWhatIsNoResponse) {
    for (const std::string& bytes : {""s, "\x08\x01"s, "\x10\x01"s, "garbage"s,
                                     "\x08\x06\x10\x01\x2a\x05\x0a"s, "\x08\x0a\x10\x01\x52\x02\x08\x80"s}) {
        auto response = decode_response(bytes);
        ASSERT_FALSE(response.ok()) << ::testing::PrintToString(bytes);
        EXPECT_EQ(response.error().code(), EBADMSG);
    }
}

TEST(CriuRpc, NamesRequestTypes) {
    EXPECT_EQ(request_name(RequestType::notify), "NOTIFY");
    EXPECT_EQ(request_name(static_cast<RequestType>(77)), "77");
}

}  // namespace
}  // namespace urc::criu
