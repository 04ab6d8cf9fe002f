#include "core/spec/sysctl.h"

#include <gtest/gtest.h>

#include "core/spec/parse.h"
#include "core/spec/validate.h"
#include "tests/core/spec/documents.h"

namespace urc {
namespace {

using spec::NamespaceType;
using spec::sysctl_file;

spec::Spec with_sysctl(std::string key, std::string value) {
    auto result = parse_spec(test::kPlain);
    EXPECT_TRUE(result.ok());
    result->linux.sysctl = {{std::move(key), std::move(value)}};
    return std::move(*result);
}

std::string verdict(const spec::Spec& spec) {
    auto result = validate(spec);
    return result.ok() ? "accepted" : result.error().text();
}

TEST(Sysctl, ReadsBothSpellings) {
    EXPECT_EQ(sysctl_file("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
    EXPECT_EQ(sysctl_file("net/ipv4/ip_forward"), "net/ipv4/ip_forward");
    EXPECT_EQ(sysctl_file("net.ipv4.conf.eth0/1.forwarding"), "net/ipv4/conf/eth0.1/forwarding");
    EXPECT_EQ(sysctl_file("net/ipv4/conf/eth0.1/forwarding"), "net/ipv4/conf/eth0.1/forwarding");
}

TEST(Sysctl, NamesNothingOutsideProcSys) {
    for (const char* key : {"", "kernel", ".", "..", "/", "net.", ".net", "net..x",
                            "net/../kernel/core_pattern", "/etc/passwd", "net//x", "net.//.x", "net./.x",
                            "net/./x", "net.x\n", "net.x y", "net.x+kernel.core_pattern", "net.x=1"})
        EXPECT_EQ(sysctl_file(key), std::nullopt) << key;
}

TEST(Sysctl, AcceptsWhatBelongsToANamespaceOfTheContainer) {
    for (const char* key : {"net.ipv4.ip_forward", "net/core/somaxconn", "fs.mqueue.msg_max", "kernel.shmmax",
                            "kernel.shmall", "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.msgmax",
                            "kernel.msgmnb", "kernel.msgmni", "kernel/sem", "kernel.domainname"})
        EXPECT_EQ(verdict(with_sysctl(key, "1")), "accepted") << key;
    EXPECT_EQ(verdict(with_sysctl("net.ipv4.ping_group_range", "0\t2147483647")), "accepted");
}

TEST(Sysctl, RefusesTheHosts) {
    for (std::string key : {"kernel.core_pattern", "kernel.shm", "kernel.msgmaxx", "kernel.panic",
                            "vm.swappiness", "fs.file-max", "fs.mqueuex.y", "netx.y", "user", "kernel/sem/x"})
        EXPECT_NE(verdict(with_sysctl(key, "1")), "accepted") << key;
    EXPECT_EQ(verdict(with_sysctl("kernel.core_pattern", "|/x")),
              "config.json: linux.sysctl[\"kernel.core_pattern\"]: belongs to no namespace, setting it would "
              "change the host");
    EXPECT_EQ(verdict(with_sysctl("kernel.hostname", "x")),
              "config.json: linux.sysctl[\"kernel.hostname\"]: use the field hostname");
    EXPECT_EQ(verdict(with_sysctl("net.x+kernel.core_pattern", "x")),
              "config.json: linux.sysctl[\"net.x+kernel.core_pattern\"]: not the name of a kernel parameter");
}

TEST(Sysctl, RefusesValuesThatCarryASecondParameter) {
    const std::string refusal = "config.json: linux.sysctl[\"net.x\"]: not a value of a kernel parameter: ";
    EXPECT_EQ(verdict(with_sysctl("net.x", "1+kernel.core_pattern=|/x")),
              refusal + "\"1+kernel.core_pattern=|/x\"");
    EXPECT_EQ(verdict(with_sysctl("net.x", "1\n2")), refusal + "\"1\\x0a2\"");
    EXPECT_EQ(verdict(with_sysctl("net.x", "a=b")), refusal + "\"a=b\"");
}

TEST(Sysctl, NeedsTheNamespaceThatItBelongsTo) {
    struct Row {
        const char* key;
        NamespaceType type;
        const char* needs;
    };
    constexpr Row kRows[] = {{"net.core.somaxconn", NamespaceType::network, "needs a network namespace"},
                             {"kernel.shmmax", NamespaceType::ipc, "needs an ipc namespace"},
                             {"fs.mqueue.msg_max", NamespaceType::ipc, "needs an ipc namespace"},
                             {"kernel.domainname", NamespaceType::uts, "needs a uts namespace"},
                             {"user.max_pid_namespaces", NamespaceType::user, "needs a user namespace"}};
    for (const Row& row : kRows) {
        spec::Spec spec = with_sysctl(row.key, "1");
        std::erase_if(spec.linux.namespaces, [&](const spec::Namespace& ns) { return ns.type == row.type; });
        EXPECT_EQ(verdict(spec), std::string("config.json: linux.sysctl[\"") + row.key + "\"]: " + row.needs);
        spec.linux.namespaces.push_back({row.type, "/proc/1/ns/x"});
        EXPECT_EQ(verdict(spec), "accepted") << row.key << ": a joined namespace is as good";
    }
}

TEST(Sysctl, DomainnameMustNotContradictTheField) {
    spec::Spec spec = with_sysctl("kernel.domainname", "a");
    spec.domainname = "a";
    EXPECT_EQ(verdict(spec), "accepted");
    spec.domainname = "b";
    EXPECT_EQ(verdict(spec),
              "config.json: linux.sysctl[\"kernel.domainname\"]: the field domainname says \"b\"");
}

}  // namespace
}  // namespace urc
